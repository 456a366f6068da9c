/**
 * `npm run demo:healing`: seven real nodes on this machine share two folders, one in three whole copies, one as three
 * data and two parity shards. Two nodes are killed; when the copies are back, a third one's disk has a bit turned over
 * in every file. One can watch how many losses everything still bears, until somebody gets both folders and finds them
 * as they were.
 *
 * Everything lies in a temporary folder and is gone at the end. Ends with 0 only when all was healed.
 */
import { hash } from 'node:crypto'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { SeededRandom } from '../src/core/random.ts'
import { KizunaProcess } from '../test/fixtures/kizuna-process.ts'

const NAMES = ['ash', 'birch', 'cedar', 'elm', 'fir', 'hazel', 'larch'] as const
const KILLED = ['birch', 'cedar'] as const
const ROTTEN = 'elm'
/** Shares nothing and is never harmed: looks, and gets everything at the end. */
const WATCHER = 'larch'
const SHARER = 'ash'
/** In life a quarter of an hour; everything else that repair waits for follows from it. */
const GRACE = '4s'
const FLAGS = ['--host', '127.0.0.1', '--port', '0', '--no-mdns', '--no-upnp', '--gossip-interval-ms', '1s']
const HEALED_TIMEOUT_MS = 100_000
const LOOK_EVERY_MS = 500
const FOLDERS: Readonly<Record<string, { policy: string; files: Readonly<Record<string, number>> }>> = {
  letters: {
    policy: 'replica:3',
    files: { 'spring.txt': 20_000, 'summer.txt': 300_000, 'autumn/first.txt': 900_000 },
  },
  photos: {
    policy: 'rs:3+2',
    files: { 'river.raw': 3_000_000, 'forest.raw': 1_500_000, 'trips/sea.raw': 2_200_000 },
  },
}
const KEPT_LINES = 8

interface Durability {
  name: string
  policy: string
  confirmed: number
  target: number
  margin: number
  lossOddsPerYear: number
}

const isTty = process.stdout.isTTY === true
const began = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'kizuna-demo-'))
const nodes = new Map<string, KizunaProcess>()
const state = new Map<string, string>(NAMES.map((name) => [name, 'starting']))
const said: string[] = []
let drawnLines = 0
let lastRow = ''

process.once('SIGINT', () => {
  void end(130)
})
try {
  await end(await play())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  await end(1)
}

async function play(): Promise<number> {
  const original = join(folder, 'original')
  writeFolders(original)
  say('Seven nodes start, each with a disk and a failure domain of its own.')
  await startAll()
  const ids = new Map<string, string>()
  for (const [name, { policy }] of Object.entries(FOLDERS)) {
    const shared = await node(SHARER).call('share', { path: join(original, name), policy })
    ids.set(name, String(shared.id))
    say(`${SHARER} shares ${name} (${policy}): ${shared.id}`)
  }
  const objects = await objectsOf(ids)
  await watch(objects, (rows) => rows.every(isHealthy), 'everything is at its number of copies')

  say(`SIGKILL for ${KILLED.join(' and ')}: nobody could say goodbye.`)
  for (const name of KILLED) {
    await node(name).kill()
    state.set(name, 'killed')
  }
  const worst = await watchFallAndRise(objects)
  say(`All copies are back on the five that are left; the weakest thing could still lose ${worst} meanwhile.`)

  const files = rot(join(folder, ROTTEN, 'chunks'))
  state.set(ROTTEN, 'rotten')
  say(`One bit turned over in each of ${files} files on the disk of ${ROTTEN}, which now reads it through.`)
  const reading = node(ROTTEN).call('doctor', { disk: true })
  let isRead = false
  const read = reading.finally(() => {
    isRead = true
  })
  // Healing may be done before the next look: then nothing was to be seen.
  await watchFallAndRise(objects, () => isRead)
  const { steps } = (await read) as { steps: { step: string; finding: string }[] }
  say(`${ROTTEN}: ${steps.find(({ step }) => step === 'chunks')?.finding ?? 'nothing found'}`)
  state.set(ROTTEN, 'healed')

  for (const [name, id] of ids) {
    const output = join(folder, 'again', name)
    mkdirSync(dirname(output), { recursive: true })
    await node(WATCHER).json('get', id, '--output', output)
    const [before, after] = [digestOf(join(original, name)), digestOf(output)]
    say(`${WATCHER} gets ${name}: ${before === after ? 'every byte is as it was' : 'IT DIFFERS'}`)
    if (before !== after) return 1
  }
  say(`Done in ${Math.round((performance.now() - began) / 1000)} s.`)
  return 0
}

async function startAll(): Promise<void> {
  for (const name of NAMES) {
    const first = nodes.get(NAMES[0])?.ready.addresses[0]
    const flags = ['--label', name, '--failure-domain', name, '--repair-grace-ms', GRACE]
    const bootstrap = first === undefined ? [] : ['--bootstrap', first]
    nodes.set(
      name,
      await KizunaProcess.start({ home: join(folder, name) }, [...FLAGS, ...flags, ...bootstrap]),
    )
    state.set(name, 'up')
  }
  await until('all are in one space and see each other', async () => {
    const statuses = await Promise.all([...nodes.values()].map((each) => each.call('status')))
    return statuses.every(
      ({ members, connectedPeers }) => members === NAMES.length && Number(connectedPeers) >= 6,
    )
  })
}

/** The listings of the shared folders, and every file in them. */
async function objectsOf(ids: ReadonlyMap<string, string>): Promise<{ name: string; id: string }[]> {
  const { ready } = node(WATCHER)
  const objects: { name: string; id: string }[] = []
  for (const [name, id] of ids) {
    objects.push({ name: `${name}/`, id })
    const response = await fetch(`${ready.api}/v1/content/${id}`, {
      headers: { authorization: `Bearer ${ready.token}` },
    })
    const { entries } = (await response.json()) as { entries: { path: string; id: string }[] }
    objects.push(...entries.map(({ path, id }) => ({ name: `${name}/${path}`, id })))
  }
  return objects
}

/** Watches until something lacks copies and then nothing does; how many more losses the weakest bore at the worst. */
async function watchFallAndRise(
  objects: readonly { name: string; id: string }[],
  mayBeMissed = () => false,
): Promise<number> {
  let lowest = Infinity
  const follow = (rows: readonly Durability[]) => {
    lowest = Math.min(lowest, ...rows.map(({ margin }) => margin))
  }
  const falls = (rows: readonly Durability[]) => {
    follow(rows)
    return mayBeMissed() || rows.some((row) => !isHealthy(row))
  }
  const rises = async (rows: readonly Durability[]) => {
    follow(rows)
    return rows.every(isHealthy) && (await isWhole())
  }
  await watch(objects, falls, 'the margin falls')
  await watch(objects, rises, 'the margin is back')
  return lowest
}

function isHealthy({ confirmed, target }: Durability): boolean {
  return confirmed >= target
}

/** Whether the rotten node has no damaged chunk left. */
async function isWhole(): Promise<boolean> {
  const { queues } = (await node(ROTTEN).call('status')) as { queues: { repair: number } }
  return queues.repair === 0
}

/** Shows how safe everything is until `isDone`. */
async function watch(
  objects: readonly { name: string; id: string }[],
  isDone: (rows: readonly Durability[]) => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  await until(what, async () => {
    const rows = await Promise.all(
      objects.map(async ({ name, id }) => {
        const facts = await node(WATCHER).call('describe', { id })
        return { ...facts, name } as unknown as Durability
      }),
    )
    draw(rows)
    return await isDone(rows)
  })
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + HEALED_TIMEOUT_MS
  while (!(await isTrue())) {
    if (performance.now() > endsAt) throw new Error(`Not in time: ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

function draw(rows: readonly Durability[]): void {
  const seconds = `${Math.round((performance.now() - began) / 1000)} s`.padStart(5)
  if (!isTty) {
    const row = rows.map(({ name, confirmed, target }) => `${name} ${confirmed}/${target}`).join('  ')
    const margin = Math.min(...rows.map((each) => each.margin))
    if (row !== lastRow) console.log(`${seconds}  margin ${margin}  ${row}`)
    lastRow = row
    return
  }
  const marks: Readonly<Record<string, string>> = { up: '●', healed: '●', rotten: '◐', killed: '○' }
  const lines = [
    `${seconds}  ${[...state].map(([name, word]) => `${marks[word] ?? '·'} ${name}`).join('   ')}`,
    '',
    'WHAT                    POLICY      CONFIRMED  MAY LOSE  ODDS OF LOSS IN A YEAR',
    ...rows.map(({ name, policy, confirmed, target, margin, lossOddsPerYear }) => {
      const bar = '█'.repeat(Math.max(confirmed, 0)).padEnd(target, '░')
      return `${name.padEnd(24)}${policy.padEnd(12)}${bar.padEnd(9)}  ${String(margin).padStart(4)}      ${lossOddsPerYear.toExponential(1)}`
    }),
    '',
    ...said.slice(-KEPT_LINES),
  ]
  process.stdout.write(`${drawnLines > 0 ? `\x1b[${drawnLines}A\x1b[J` : ''}${lines.join('\n')}\n`)
  drawnLines = lines.length
}

function say(line: string): void {
  said.push(`› ${line}`)
  if (!isTty || drawnLines === 0) console.log(`› ${line}`)
}

function node(name: string): KizunaProcess {
  const found = nodes.get(name)
  if (found === undefined) throw new Error(`There is no node ${name}.`)
  return found
}

function writeFolders(root: string): void {
  const random = new SeededRandom(7)
  for (const [name, { files }] of Object.entries(FOLDERS)) {
    for (const [path, sizeBytes] of Object.entries(files)) {
      const file = join(root, name, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, random.bytes(sizeBytes))
    }
  }
}

/** Turns one bit over in the middle of every file; returns how many. */
function rot(root: string): number {
  const files = filesOf(root).filter((file) => statSync(file).size > 0)
  for (const file of files) {
    const handle = openSync(file, 'r+')
    const middle = Math.floor(statSync(file).size / 2)
    const byte = Buffer.alloc(1)
    readSync(handle, byte, 0, 1, middle)
    byte.writeUInt8(byte.readUInt8() ^ 0x10)
    writeSync(handle, byte, 0, 1, middle)
    closeSync(handle)
  }
  return files.length
}

/** One hash over the names and bytes of all files under a folder. */
function digestOf(root: string): string {
  const lines = filesOf(root).map(
    (file) => `${relative(root, file)} ${hash('sha256', readFileSync(file), 'hex')}`,
  )
  return hash('sha256', lines.sort().join('\n'))
}

function filesOf(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

async function end(code: number): Promise<never> {
  await Promise.all([...nodes.values()].map((each) => each.kill()))
  rmSync(folder, { recursive: true, force: true })
  process.exit(code)
}
