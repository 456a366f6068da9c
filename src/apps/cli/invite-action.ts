import type { CliAction } from './action.ts'
import { formatDuration } from './format-numbers.ts'

/** `kizuna invite`: on a screen the link also comes as a QR code. */
export const inviteAction: CliAction = {
  options: [],
  async run(parts, values) {
    const facts = (await parts.node.run('invite', values, { signal: parts.signal })) as {
      link?: string
      id: string
      expiresAt?: string
      uses?: string
      revoked?: boolean
    }
    if (facts.link === undefined) {
      return {
        data: facts,
        text: facts.revoked === true ? 'The invite is void now.' : 'There is no such invite.',
      }
    }
    const remainingMs = Date.parse(facts.expiresAt ?? '') - parts.clock.now()
    const lines = [
      facts.link,
      '',
      `On the other machine: kizuna join '${facts.link}'`,
      `Good for ${formatDuration(remainingMs)}${facts.uses === 'single' ? ', once' : ''}. Whoever has it can join. To take it back: kizuna invite --revoke ${facts.id}`,
    ]
    if (parts.terminal.printsToScreen) {
      const { renderUnicodeCompact } = await import('uqr')
      lines.unshift(renderUnicodeCompact(facts.link), '')
    }
    return { data: facts, text: lines.join('\n') }
  },
}
