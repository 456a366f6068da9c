import { cliCommands } from '../../../src/apps/cli/cli-commands.ts'
import { parseWords } from '../../../src/apps/cli/parse-words.ts'
import { parseByteRange } from '../../../src/apps/http/byte-range.ts'
import { parseByteCount, parseUploadMetadata } from '../../../src/apps/http/tus-headers.ts'
import { commandList } from '../../../src/commands/command-list.ts'
import { parsePolicy } from '../../../src/commands/durability-policy.ts'
import { parseLifetime } from '../../../src/commands/lifetime.ts'
import { decodeShareLink, encodeShareLink } from '../../../src/commands/share-link.ts'
import {
  CONTENT_ID_FORMS,
  contentIdOf,
  formatContentId,
  parseContentId,
} from '../../../src/core/content-id.ts'
import { parsePeerId, signingKeyFromSeed } from '../../../src/core/signing-key.ts'
import { parseAddress } from '../../../src/network/peer-address.ts'
import { parseScheduleEntry } from '../../../src/node/bandwidth-schedule.ts'
import { loadConfig } from '../../../src/node/config.ts'
import { safeFileName, safeMediaType } from '../../../src/records/file-record.ts'
import { formatCasIndex, parseCasIndex } from '../../../src/storage/cas-index.ts'
import { FuzzFinding, type FuzzTarget, mustEqual, textOf, texts } from './fuzz-target.ts'

const id = contentIdOf(Buffer.from('a chunk'))
const { peerId } = signingKeyFromSeed(Buffer.alloc(32, 7))
const ids = CONTENT_ID_FORMS.map((form) => formatContentId(id, form))
const commands = cliCommands()
const SIZE_BYTES = 1_000_000

/** Parsers of what people and programs type and send as text. */
export const TEXT_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'content-id',
    seeds: texts(...ids),
    run(input) {
      const read = parseContentId(textOf(input))
      mustEqual('an id read is not its own canonical form', parseContentId(read), read)
    },
  },
  {
    name: 'peer-id',
    seeds: texts(peerId),
    run(input) {
      const read = parsePeerId(textOf(input))
      mustEqual('an id read is not its own canonical form', parsePeerId(read), read)
    },
  },
  {
    name: 'share-link',
    seeds: texts(encodeShareLink(id), encodeShareLink(id, new Uint8Array(32).fill(3))),
    run(input) {
      const { id: read, key } = decodeShareLink(textOf(input))
      const again = decodeShareLink(encodeShareLink(read, key))
      mustEqual('a link read gives another id', again.id, read)
    },
  },
  {
    name: 'multiaddr',
    seeds: texts(
      `/ip4/192.0.2.1/tcp/4001/p2p/${peerId}`,
      `/ip6/2001:db8::1/tcp/4001/ws/p2p/${peerId}`,
      `/dns4/node.example/tcp/443/wss/p2p/${peerId}/p2p-circuit/p2p/${peerId}`,
      '192.0.2.7:4001',
      '[2001:db8::7]:4001',
    ),
    run: (input) => parseAddress(textOf(input)),
  },
  {
    name: 'range-header',
    seeds: texts('bytes=0-499', 'bytes=-500', 'bytes=9500-', 'bytes=0-0,5-9'),
    run(input) {
      const range = parseByteRange(textOf(input), SIZE_BYTES)
      if (range === undefined) return
      const { offset, length } = range as { offset: number; length: number }
      if (!(offset >= 0 && length >= 0 && offset + length <= SIZE_BYTES)) {
        throw new FuzzFinding(`the range ${offset}+${length} lies outside`)
      }
    },
  },
  {
    name: 'tus-headers',
    seeds: texts('filename d29ybGQ=,is_private', 'name YQ==,type dGV4dA==', '1048576'),
    run(input) {
      const text = textOf(input)
      refused(() => parseUploadMetadata(text))
      const count = parseByteCount('Upload-Length', text)
      if (!Number.isSafeInteger(count) || count < 0) throw new FuzzFinding(`${count} is no count of bytes`)
    },
  },
  {
    name: 'command-words',
    seeds: texts(
      'share\nphoto.jpg\n--copies\n3',
      'get\nbafk\n--output=-\n--json',
      'start\n--port\n0\n--bootstrap=a\n-h',
    ),
    share: 0.2,
    run(input) {
      const [name, ...words] = textOf(input).split('\n')
      const command =
        commands.find((one) => one.name === name) ?? commands[input.byteLength % commands.length]
      if (command !== undefined) parseWords(command, words)
    },
  },
  {
    name: 'command-json',
    seeds: texts(
      '{"path":"a.txt","copies":3,"policy":"rs:4+2"}',
      `{"id":"${id}","until":"2026-01-01T00:00:00Z"}`,
      '{"id":["a"],"everywhere":"yes","url":"https://example.org/"}',
    ),
    share: 0.5,
    run(input) {
      const value = jsonOf(input)
      for (const command of commandList) command.input.safeParse(value)
      if (Object.hasOwn(Object.prototype, 'polluted'))
        throw new FuzzFinding('every object has a new property')
    },
  },
  {
    name: 'config-file',
    seeds: texts(
      '{"apiPort":0,"copies":3,"bootstrap":["192.0.2.1:4001"],"bandwidthSchedule":["22:00-06:00=1000000/2000000"]}',
    ),
    share: 0.2,
    run(input) {
      const file = jsonOf(input)
      if (typeof file === 'object' && file !== null && !Array.isArray(file)) {
        loadConfig({ file: file as Record<string, unknown>, userHome: '/home/somebody' })
      }
    },
  },
  {
    name: 'small-words',
    seeds: texts(
      'replica:3',
      'rs:10+4',
      '7d',
      '12h',
      '22:00-06:00=1000000/2000000',
      'photo.jpg',
      'text/plain; charset=utf-8',
    ),
    run(input) {
      const text = textOf(input)
      refused(() => parsePolicy(text))
      refused(() => parseLifetime(text))
      refused(() => parseScheduleEntry(text))
      safeMediaType(text)
      const name = safeFileName(text)
      if (
        /[/\\\0]/.test(name) ||
        name === '..' ||
        name === '.' ||
        Buffer.byteLength(name) > 255 ||
        name === ''
      ) {
        throw new FuzzFinding(`${JSON.stringify(name)} is not fit for a file`)
      }
      mustEqual('a name made fit is made another', safeFileName(name), name)
    },
  },
  {
    name: 'cas-index',
    seeds: texts(
      formatCasIndex([]),
      '{"index":{"abc":{"path":"ab/c","size":3}}}',
      `{"${'a'.repeat(64)}":{"original_name":"a","size":1}}`,
    ),
    run: (input) => parseCasIndex(textOf(input)),
  },
]

/** Lets a parser refuse, so that the next one has its turn. */
function refused(parse: () => unknown): void {
  try {
    parse()
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !('kind' in error)) throw error
  }
}

/** What a JSON body or file holds; `undefined` when it is none, which the framework refuses. */
function jsonOf(input: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(input))
  } catch {
    return undefined
  }
}
