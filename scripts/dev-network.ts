/**
 * `npm run dev`: three nodes on this machine, in one space, with something shared already. Everything lies in a
 * temporary folder and is gone when it stops.
 *
 * `--json` prints one line when ready and stops when standard input closes; for tests.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServedNode, serveNode } from '../src/apps/cli/serve-node.ts'
import { commandList } from '../src/commands/command-list.ts'
import { CommandRunner } from '../src/commands/run-command.ts'
import { loadConfig } from '../src/node/config.ts'

const NAMES = ['ash', 'birch', 'cedar'] as const
/** Three nodes in one process find each other in far less. */
const READY_TIMEOUT_MS = 30_000
const json = process.argv.includes('--json')

const folder = await mkdtemp(join(tmpdir(), 'kizuna-dev-'))
const nodes: ServedNode[] = []
let ended = false
const end = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  if (json) process.stdin.once('end', resolve).once('close', resolve).resume()
}).then(() => {
  ended = true
})

try {
  for (const name of NAMES) nodes.push(await startOne(name))
  await allKnowEachOther()
  const shared = await shareSomething()
  if (json) {
    const list = nodes.map(({ services, url, token }) => ({
      peerId: services.network.peerId,
      home: services.config.home,
      api: url,
      token,
    }))
    console.log(JSON.stringify({ ready: true, shared, nodes: list }))
  } else printGuide(shared)
  await end
  if (!json) console.log('\nStopping …')
} finally {
  await Promise.all(nodes.map((node) => node.stop()))
  await rm(folder, { recursive: true, force: true })
}
process.exit()

async function startOne(name: string): Promise<ServedNode> {
  const first = nodes[0]?.services.network.addresses().find((address) => address.startsWith('/ip4/127.'))
  return await serveNode(
    loadConfig({
      userHome: homedir(),
      flags: {
        home: join(folder, name),
        label: name,
        spaceName: 'Development',
        host: '127.0.0.1',
        port: 0,
        apiPort: 0,
        mdns: false,
        upnp: false,
        gossipIntervalMs: 2_000,
        // All on one machine, and yet they are to hold copies for each other.
        failureDomain: name,
        ...(first === undefined ? {} : { bootstrap: first }),
      },
    }),
  )
}

async function allKnowEachOther(): Promise<void> {
  const begin = performance.now()
  const knows = ({ services }: ServedNode) => {
    const others = services.community.members()
    return others.length === NAMES.length - 1 && others.every((view) => view.online && view.stores)
  }
  while (!nodes.every(knows) && !ended) {
    if (performance.now() - begin > READY_TIMEOUT_MS)
      throw new Error('The three nodes did not find each other.')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function shareSomething(): Promise<string> {
  const path = join(folder, 'welcome')
  await mkdir(path)
  await writeFile(join(path, 'hello.txt'), 'Hello from Ash.\n')
  await writeFile(join(path, 'numbers.bin'), Buffer.alloc(3_000_000, 'kizuna'))
  const share = commandList.find((command) => command.name === 'share')
  const [ash] = nodes
  if (share === undefined || ash === undefined) throw new Error('There is nothing to share with.')
  const caller = { id: 'dev', permission: 'owner' } as const
  const context = { signal: new AbortController().signal, progress: () => {} }
  const result = await new CommandRunner(ash.services).run(share, { path, copies: 3 }, caller, context)
  return (result as { id: string }).id
}

function printGuide(shared: string): void {
  const [, birch] = nodes
  const home = birch?.services.config.home
  console.log(
    [
      'Three nodes are running in one space; Ash has shared the folder “welcome”.',
      '',
      ...nodes.map(
        ({ services, url }, index) => `  ${String(NAMES[index]).padEnd(6)} ${url}  ${services.config.home}`,
      ),
      '',
      'Speak to Birch in another window:',
      `  export KIZUNA_HOME=${home}`,
      '  npm run --silent kizuna -- list',
      `  npm run --silent kizuna -- get ${shared} --output welcome`,
      '  npm run --silent kizuna -- peers',
      '',
      'By HTTP, with the token from api.json in the data folder:',
      `  curl -H "Authorization: Bearer ${birch?.token}" ${birch?.url}/openapi.json`,
      '',
      'Ctrl-C stops them and removes everything.',
    ].join('\n'),
  )
}
