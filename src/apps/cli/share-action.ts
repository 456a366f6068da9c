import { resolve } from 'node:path'
import { formatBytes } from '../../core/format-bytes.ts'
import type { CliAction } from './action.ts'
import { UsageError } from './errors.ts'
import { safeText } from './terminal.ts'

/** What the command `share` answers. */
interface ShareFacts {
  id: string
  name: string
  sizeBytes: number
  chunks: number
  copies: number
  policy: string
  acknowledged: string
  private: boolean
  link: string
}

/** `kizuna share`: a path means the same for the node as for the person who typed it; `-` is standard input. */
export const shareAction: CliAction = {
  options: [],
  async run(parts, values) {
    const { path, ...rest } = values
    const fromInput = path === '-'
    if (path === undefined && rest.text === undefined && rest.url === undefined) {
      throw new UsageError({
        message: '`kizuna share` needs a PATH.',
        hint: 'Name a file or folder, `-` for standard input, or give --text or --url.',
      })
    }
    const input = path === undefined || fromInput ? rest : { ...rest, path: resolve(String(path)) }
    const facts = (await parts.node.run('share', input, {
      signal: parts.signal,
      onProgress: (progress) => parts.bar?.update(progress),
      ...(fromInput ? { body: parts.terminal.input } : {}),
    })) as ShareFacts
    parts.bar?.clear()
    return { data: facts, text: describeShare(facts) }
  },
}

function describeShare(facts: ShareFacts): string {
  const copies = facts.copies === 1 ? '1 copy' : `${facts.copies} copies`
  const lines = [
    `File shared on P2P network: ${facts.id}`,
    `  ${safeText(facts.name)}, ${formatBytes(facts.sizeBytes)} in ${facts.chunks} chunks, ${copies} confirmed (${facts.policy})`,
  ]
  if (facts.private)
    lines.push(`  Private. Members can get it by its id; anyone else needs the link, which holds the key:`)
  lines.push(`  kizuna get ${facts.private ? `'${facts.link}'` : facts.id}`)
  if (facts.acknowledged !== 'replicated') {
    lines.push(
      '  More copies follow by themselves as members come; `kizuna describe` shows how many there are.',
    )
  }
  return lines.join('\n')
}
