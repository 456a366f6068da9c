import { join, resolve } from 'node:path'
import { formatBytes } from '../../core/format-bytes.ts'
import { safeFileName } from '../http/content-headers.ts'
import type { ActionParts, ActionResult, CliAction } from './action.ts'
import { UsageError } from './errors.ts'
import { formatDuration } from './format-numbers.ts'
import { receiveFile } from './receive-file.ts'
import { type FolderFile, receiveFolder } from './receive-folder.ts'

/** What the command `get` answers. */
interface GetFacts {
  id: string
  kind: 'file' | 'folder'
  name: string
  sizeBytes: number
  link: string
  files: { path: string; sizeBytes: number; link: string }[] | null
}

/** `kizuna get`: the command says what the thing is; the bytes go to a file, a folder or standard output. */
export const getAction: CliAction = {
  options: [
    {
      flag: 'output',
      short: 'o',
      key: 'output',
      kind: 'text',
      description:
        'File or folder to write; `-` is standard output. Default: its name, in the download folder',
    },
    { flag: 'force', short: 'f', key: 'force', kind: 'switch', description: 'Replace what is there' },
  ],
  async run(parts, { output, force, ...input }) {
    const begin = parts.clock.monotonic()
    const facts = (await parts.node.run('get', input, {
      signal: parts.signal,
      onProgress: (progress) => parts.bar?.update(progress),
    })) as GetFacts
    const timeout = input.timeout === undefined ? {} : { timeoutMs: Number(input.timeout) }
    if (output === '-') return await writeToOutput(parts, facts, timeout)
    const target = resolve(
      output === undefined ? join(parts.downloadFolder, safeFileName(facts.name)) : String(output),
    )
    const resumedBytes = await receive(parts, facts, { target, force: force === true, ...timeout })
    parts.bar?.clear()
    const durationMs = Math.round(parts.clock.monotonic() - begin)
    const { id, kind, name, sizeBytes } = facts
    const again = resumedBytes > 0 ? `, ${formatBytes(resumedBytes)} of it from an earlier attempt` : ''
    return {
      data: { id, kind, name, sizeBytes, output: target, resumedBytes, durationMs },
      text: `Saved to ${target}: ${formatBytes(sizeBytes)} in ${formatDuration(durationMs)}${again}.`,
    }
  },
}

async function receive(
  parts: ActionParts,
  facts: GetFacts,
  { target, ...how }: { target: string; force: boolean; timeoutMs?: number },
): Promise<number> {
  const onBytes = (done: number) =>
    parts.bar?.update({ phase: 'getting', done, total: facts.sizeBytes, unit: 'bytes' })
  const options = { signal: parts.signal, onBytes }
  if (facts.files === null) {
    const wanted = { ...linkParts(facts.link), sizeBytes: facts.sizeBytes, output: target, ...how }
    return (await receiveFile(parts, wanted, options)).resumedAt
  }
  const files: FolderFile[] = facts.files.map(({ link, path, sizeBytes }) => ({
    ...linkParts(link),
    path,
    sizeBytes,
  }))
  return (await receiveFolder(parts, { id: facts.id, files, output: target, ...how }, options)).resumedBytes
}

async function writeToOutput(
  parts: ActionParts,
  facts: GetFacts,
  timeout: { timeoutMs?: number },
): Promise<ActionResult> {
  if (facts.files !== null) {
    throw new UsageError({
      message: 'A folder cannot go to standard output.',
      hint: 'Name a folder with --output.',
    })
  }
  let done = 0
  const call = { ...linkParts(facts.link), ...timeout, offset: 0, signal: parts.signal }
  for await (const bytes of parts.node.read(call)) {
    await parts.terminal.writeBytes(bytes)
    done += bytes.byteLength
    parts.bar?.update({ phase: 'getting', done, total: facts.sizeBytes, unit: 'bytes' })
  }
  parts.bar?.clear()
  return { data: undefined, text: '' }
}

/** `kizuna:bafk…#key` in its parts. */
function linkParts(link: string): { id: string; key?: string } {
  const [id = '', key] = link.replace(/^kizuna:/, '').split('#')
  return key === undefined ? { id } : { id, key }
}
