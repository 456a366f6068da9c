/**
 * The process that r-14-path-traversal.ts watches: puts every hostile name into every door behind which the product
 * touches files. Its whole world is the folder in argv: `root/` may be touched, `outside/` may not. It tells what it saw
 * as one line of JSON; what it did to files is seen by the watcher, whatever it says.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { getAction } from '../../src/apps/cli/get-action.ts'
import type { NodeConnection } from '../../src/apps/cli/node-connection.ts'
import { receiveFolder } from '../../src/apps/cli/receive-folder.ts'
import { contentHeaders } from '../../src/apps/http/content-headers.ts'
import { COMMANDS, createTestServices, TOKEN } from '../../src/apps/http/http-server.suite.ts'
import { startHttpServer } from '../../src/apps/http/start-http-server.ts'
import { readPathSource, sourceFileBytes } from '../../src/commands/share-source.ts'
import { decodeFolderListing } from '../../src/content/folder-listing.ts'
import { SystemClock } from '../../src/core/clock.ts'
import { contentIdOf } from '../../src/core/content-id.ts'
import { encodeCanonical } from '../../src/core/encoding.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { Secret } from '../../src/core/secret.ts'
import { signingKeyFromSeed } from '../../src/core/signing-key.ts'
import { fileKind, safeFileName } from '../../src/records/file-record.ts'
import { parseInvite } from '../../src/records/invite.ts'
import { signRecord } from '../../src/records/record-codec.ts'
import { spaceIdOf } from '../../src/records/space.ts'
import { parseCasIndex } from '../../src/storage/cas-index.ts'
import type { Disk } from '../../src/storage/disk.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import type { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { CLASHES, pathPayloads } from './path-payloads.ts'

const [world = '', countText = '600', seedText = '1', racesText = '50'] = process.argv.slice(2)
const root = join(world, 'root')
const SENTINEL = 'sentinel-6f1d'
const OURS = Buffer.from('what came from the network')
const id = contentIdOf(OURS)
const clock = new SystemClock()
const random = new SeededRandom(Number(seedText))
const payloads = pathPayloads(Number(countText), random)
const failures: string[] = []
let attempts = 0
const options = { signal: new AbortController().signal, onBytes: () => {} }
/** A real name on one disk: nothing that the system would take for something else than a name in this folder. */
const isPlainName = (name: string) =>
  name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name) && Buffer.byteLength(name) <= 255

/** A node that gives the same bytes for everything, under whatever name it likes. */
function nodeThatSays(facts: Record<string, unknown>): NodeConnection {
  return {
    isRunning: true,
    run: async () => ({
      id,
      kind: 'file',
      sizeBytes: OURS.byteLength,
      link: `kizuna:${id}`,
      files: null,
      ...facts,
    }),
    async *read({ offset }) {
      yield OURS.subarray(offset)
    },
    close: async () => {},
  }
}

/** Whatever happens must be a typed refusal or success; a failure of the system here is a name that got too far. */
async function attempt(what: string, work: () => unknown): Promise<boolean> {
  attempts++
  try {
    await work()
    return true
  } catch (error) {
    const systemCode = isKizunaError(error) ? error.details.systemCode : (error as NodeJS.ErrnoException).code
    if (!isKizunaError(error) || error.code === 'INTERNAL') failures.push(`${what}: ${systemCode ?? error}`)
    return false
  }
}

async function getByName(name: string): Promise<void> {
  const downloadFolder = join(root, 'downloads')
  mkdirSync(downloadFolder, { recursive: true })
  const parts = {
    clock,
    signal: options.signal,
    bar: undefined,
    downloadFolder,
    terminal: {} as never,
    node: nodeThatSays({ name }),
  }
  const taken = await attempt(`get ${JSON.stringify(name)}`, () => getAction.run(parts, { id }))
  const files = readdirSync(downloadFolder)
  if (!taken || files.length !== 1 || !files.every(isPlainName))
    failures.push(`get ${JSON.stringify(name)}: ${files}`)
  const [file] = files
  if (file !== undefined) {
    // A second one of the same name replaces nothing.
    const before = readFileSync(join(downloadFolder, file), 'utf8')
    const other = { ...parts, node: nodeThatSays({ name, sizeBytes: 3 }) }
    if (await attempt('get again', () => getAction.run(other, { id })))
      failures.push(`get ${JSON.stringify(name)} twice replaced the first`)
    if (readFileSync(join(downloadFolder, file), 'utf8') !== before) failures.push(`${name} was changed`)
  }
  rmSync(downloadFolder, { recursive: true })
}

async function getFolder(paths: readonly string[], decoded: boolean): Promise<boolean> {
  const output = join(root, 'album')
  const what = `folder ${JSON.stringify(paths)}${decoded ? ' decoded' : ''}`
  const taken = await attempt(what, async () => {
    const entries = paths.map((path) => ({ path, id, sizeBytes: OURS.byteLength }))
    const listing = encodeCanonical({
      v: 1,
      entries: entries.map((one) => [one.path.toWellFormed(), one.id, one.sizeBytes]),
    })
    const files = decoded ? decodeFolderListing(listing) : entries
    await receiveFolder({ node: nodeThatSays({}), clock }, { id, files, output, force: false }, options)
  })
  for (const name of readdirSync(root)) {
    if (name === 'album' || name.endsWith('.kizuna-part')) rmSync(join(root, name), { recursive: true })
  }
  return taken
}

async function throughTheDisk(disk: Disk, path: string): Promise<void> {
  const what = `disk ${JSON.stringify(path)}`
  await attempt(what, async () => {
    const bytes = await disk.readFile(path, 1_000)
    if (Buffer.from(bytes).includes(SENTINEL)) failures.push(`${what} read the sentinel`)
  })
  await attempt(what, () => disk.writeFile(path, OURS))
  await attempt(what, async () => (await disk.open(path, 'append-or-create')).close())
  await attempt(what, () => disk.sizeOf(path))
  await attempt(what, () => disk.makeFolder(path))
  await attempt(what, () => disk.rename('victim', path))
  await attempt(what, () => disk.remove(path))
  await attempt(what, async () => {
    for await (const entry of disk.list(path))
      if (entry.name === 'sentinel.txt') failures.push(`${what} listed outside`)
  })
}

/** Doors that only make other names of it. */
async function throughTheText(name: string): Promise<void> {
  const header = contentHeaders({ name, download: true })['content-disposition'] ?? ''
  const shown = decodeURIComponent(/filename\*=UTF-8''([^;]*)$/.exec(header)?.[1] ?? '/')
  const plain = /filename="([^"]*)"/.exec(header)?.[1] ?? '/'
  if (![shown, plain].every(isPlainName)) failures.push(`header for ${JSON.stringify(name)}: ${header}`)
  if (!isPlainName(safeFileName(name))) failures.push(`record name of ${JSON.stringify(name)}`)
  const key = signingKeyFromSeed(new Uint8Array(32).fill(7))
  const space = spaceIdOf(key.peerId, new Uint8Array(16))
  const body = {
    name: name.toWellFormed(), mediaType: 'text/plain', sizeBytes: 1, policy: 'replica:3', sha256: new Uint8Array(32),
    chunks: 1, parityChunks: 0, kind: 'file', publishedBy: key.publicKey,
  } // biome-ignore format: a record
  await attempt('file record', () => {
    const record = signRecord(key, { space, kind: 'file', key: id, createdAt: 1, expiresAt: 2, body })
    if (fileKind.refuse(record) === undefined && !isPlainName(body.name))
      failures.push(`record with ${body.name}`)
  })
  await attempt('invite', () => parseInvite(`kizuna://join/${name}`))
  await attempt('old index', () =>
    parseCasIndex(JSON.stringify({ [name]: { original_name: name, size: 1, data_chunks: [name] } })),
  )
}

async function throughHttp(disk: Disk): Promise<void> {
  const { services } = createTestServices({ disk: disk as MemoryDisk })
  const server = await startHttpServer(services, {
    host: '127.0.0.1', port: 0, token: new Secret(TOKEN), commands: COMMANDS, version: '0',
  }) // biome-ignore format: options
  const { hostname, port } = new URL(server.url)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const send = (method: string, path: string, headers: Record<string, string | number> = {}, body = '') => {
    attempts++
    return new Promise<{ status: number; body: string; location: string }>((resolve, reject) => {
      const outgoing = request(
        {
          hostname, port, method, agent,
          // Node sends no raw control or non-ASCII characters; whoever does sends them encoded.
          path: path.toWellFormed().replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character)).slice(0, 8_000),
          headers: { authorization: `Bearer ${TOKEN}`, 'tus-resumable': '1.0.0', ...headers },
        }, // biome-ignore format: options
        (response) => {
          const pieces: Buffer[] = []
          response.on('data', (piece) => pieces.push(piece))
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(pieces).toString(),
              location: String(response.headers.location ?? ''),
            }),
          )
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
  for (const payload of payloads) {
    const answers = await Promise.all([
      send('GET', `/v1/content/${payload}`),
      send('GET', `/v1/content/${'a'.repeat(64)}?path=${payload}`),
      send('GET', `/v1/uploads/${payload}`),
      send('DELETE', `/v1/uploads/${payload}`),
      send(
        'PATCH',
        `/v1/uploads/${payload}`,
        { 'upload-offset': 0, 'content-type': 'application/offset+octet-stream' },
        'x',
      ),
      send('POST', `/v1/uploads/${payload}/share`),
      send('GET', `/${payload}`),
      send('POST', `/v1/commands/${payload}`),
    ])
    for (const { status, body } of answers) {
      // Nothing but the page that needs no name may answer a hostile one.
      if (status >= 500 || body.includes(SENTINEL))
        failures.push(`HTTP ${JSON.stringify(payload)}: ${status} ${body}`)
    }
    const filename = Buffer.from(payload.slice(0, 1_000)).toString('base64')
    const made = await send('POST', '/v1/uploads', {
      'upload-length': 3,
      'upload-metadata': `filename ${filename}`,
    })
    if (made.status !== 201 || !/^\/v1\/uploads\/[0-9a-f]{32}$/.test(made.location))
      failures.push(`upload named ${JSON.stringify(payload)}: ${made.status}`)
    const type = { 'content-type': 'application/offset+octet-stream' }
    await send('PATCH', made.location, { 'upload-offset': 0, ...type }, 'abc')
    await send('POST', `${made.location}/share`)
    await send('DELETE', made.location)
    await send('GET', '/health', {
      'x-kizuna-key': encodeURIComponent(payload.toWellFormed()).slice(0, 500),
      range: 'bytes=0-',
    })
  }
  agent.destroy()
  await server.stop()
  services.index.close()
}

/** While somebody swaps folders for links: what is read and written must be inside all the same. */
async function raceWithLinks(rounds: number): Promise<{ refused: number; passed: number }> {
  const seen = { refused: 0, passed: 0 }
  for (let round = 0; round < rounds; round++) {
    const shared = join(root, 'races', 'raced')
    try {
      const source = await readPathSource(shared, options.signal)
      for (const file of source.kind === 'folder' ? source.files : []) {
        for await (const bytes of sourceFileBytes(file, options.signal))
          if (Buffer.from(bytes).includes(SENTINEL)) failures.push('a raced share read the sentinel')
      }
      seen.passed++
    } catch (error) {
      if (!isKizunaError(error)) failures.push(`raced share: ${error}`)
      seen.refused++
    }
    try {
      const files = ['a/x.bin', 'a/y.bin', 'a/deep/z.bin'].map((path) => ({
        path,
        id,
        sizeBytes: OURS.byteLength,
      }))
      const output = join(root, 'races', 'output')
      await receiveFolder({ node: nodeThatSays({}), clock }, { id, files, output, force: true }, options)
      seen.passed++
    } catch (error) {
      if (!isKizunaError(error)) failures.push(`raced get: ${error}`)
      seen.refused++
    }
    attempts += 2
  }
  return seen
}

const disk = createFileDisk(join(root, 'data'))
for (const payload of payloads) {
  await getByName(payload)
  await getFolder([payload, 'good.txt'], false)
  await getFolder([payload, 'good.txt'], true)
  await throughTheDisk(disk, payload)
  await throughTheText(payload)
}
for (const clash of CLASHES) {
  if (await getFolder(clash, true))
    failures.push(`names that fall together were taken: ${clash.join(' and ')}`)
}
await throughHttp(createFileDisk(join(root, 'api')))
const races = await raceWithLinks(Number(racesText))
const digest = createHash('sha256').update(payloads.join('\0')).digest('hex').slice(0, 12)
process.stdout.write(
  `${JSON.stringify({ payloads: payloads.length, attempts, races, digest, failures: failures.slice(0, 50) })}\n`,
  () => process.exit(0),
)
