/**
 * Kizuna as a library.
 *
 *   node examples/share-and-get.ts demo
 *     Two nodes in this process: one shares a text, the other gets it back.
 *
 *   node examples/share-and-get.ts download ADDRESS ID FILE
 *     A node of its own that connects to a running one, and writes what it gets to a file. ADDRESS is one of
 *     those that `kizuna start` prints.
 */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createNode, isKizunaError, loadConfig, type Node, parseContentId } from '../src/index.ts'

const folder = await mkdtemp(join(tmpdir(), 'kizuna-example-'))
const [mode, ...words] = process.argv.slice(2)
try {
  if (mode === 'demo') await demo()
  else if (mode === 'download' && words.length === 3) await download(words as [string, string, string])
  else {
    console.error('Usage: share-and-get.ts demo | download ADDRESS ID FILE')
    process.exitCode = 2
  }
} catch (error) {
  if (!isKizunaError(error)) throw error
  console.error(`${error.message}\n  ${error.hint}`)
  process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function demo(): Promise<void> {
  const ash = await startNode('ash')
  const birch = await startNode('birch')
  try {
    // An invite is how one machine lets another into its space.
    const { link } = await ash.services.membership.invite({ lifetimeMs: 60_000, uses: 'single' })
    const space = await birch.services.membership.join(link)
    console.log(`Birch is in “${space.name}” now.`)

    // Birch tells the space by itself what it offers to store; a moment later Ash knows.
    await until(ash, () => ash.services.community.members().some((member) => member.stores))
    const { id, copies } = await ash.services.content.publish(source('Hello from Ash.'), {
      policy: { kind: 'replica', copies: 2 },
    })
    console.log(`Ash shared ${id}; ${copies} ${copies === 1 ? 'copy is' : 'copies are'} confirmed.`)

    const found = await birch.services.content.retrieve(id)
    let text = ''
    for await (const bytes of found.bytes) text += Buffer.from(bytes).toString()
    console.log(`Birch got: ${text}`)
  } finally {
    await Promise.all([ash.stop(), birch.stop()])
  }
}

async function download([address, id, file]: [string, string, string]): Promise<void> {
  const node = await startNode('reader', { role: 'light', bootstrap: address })
  try {
    await node.services.network.connect(address)
    const found = await node.services.content.retrieve(parseContentId(id))
    await pipeline(found.bytes, createWriteStream(file, { flags: 'wx' }))
    console.log(`${found.sizeBytes} bytes are in ${file}.`)
  } finally {
    await node.stop()
  }
}

async function startNode(label: string, settings: Record<string, unknown> = {}): Promise<Node> {
  const flags = { home: join(folder, label), label, port: 0, mdns: false, upnp: false, ...settings }
  const node = await createNode(loadConfig({ userHome: homedir(), flags }))
  await node.start()
  return node
}

/** Waits for a change in the community that makes `isTrue` true. */
async function until(node: Node, isTrue: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const check = () => isTrue() && resolve()
  const stop = node.services.community.onChange(check)
  check()
  await promise
  stop()
}

async function* source(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}
