import type { CliAction } from './action.ts'
import { formatDuration } from './format-numbers.ts'
import { formatTable } from './format-table.ts'

/** An invite as `--list` shows it. */
interface Listed {
  id: string
  uses: string
  expiresAt: string
  revoked: boolean
  usedBy: string | null
}

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
      invites?: Listed[]
    }
    if (facts.invites !== undefined) return { data: facts, text: tableOf(facts.invites) }
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
      'On the other machine: `kizuna join -`, and paste the link there; as a word of the command it would stay in the shell’s history.',
      `Good for ${formatDuration(remainingMs)}${facts.uses === 'single' ? ', once' : ''}. Whoever has it can join. To take it back: kizuna invite --revoke ${facts.id}`,
    ]
    if (parts.terminal.printsToScreen) {
      const { renderUnicodeCompact } = await import('uqr')
      lines.unshift(renderUnicodeCompact(facts.link), '')
    }
    return { data: facts, text: lines.join('\n') }
  },
}

function tableOf(invites: readonly Listed[]): string {
  if (invites.length === 0) return 'No invite of this node counts any more.'
  const rows = invites.map(({ id, uses, expiresAt, revoked, usedBy }) => [
    id,
    uses,
    expiresAt,
    revoked ? 'void' : (usedBy ?? (uses === 'single' ? 'unused' : '–')),
  ])
  return formatTable(['ID', 'USES', 'EXPIRES', 'USED BY'], rows)
}
