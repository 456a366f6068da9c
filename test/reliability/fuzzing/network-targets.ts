import { createRequire } from 'node:module'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import {
  type BULK_MARKS,
  BulkFormatError,
  BulkFrameReader,
  type BulkHeader,
  encodeBulkHeader,
  REQUEST_WINDOW_BYTES,
} from '../../../src/network/bulk/bulk-frame.ts'
import { IncomingMessage, SendingWindow } from '../../../src/network/bulk/bulk-message.ts'
import { FrameReader } from '../../../src/network/frame-reader.ts'
import { encodeFrame } from '../../../src/network/frame-stream.ts'
import { encodeAddProvider } from '../../../src/network/kad-message.ts'
import { madeCertificate } from '../../../src/network/native-tls/made-certificate.suite.ts'
import { readCertificate, readFields } from '../../../src/network/native-tls/verify-certificate.ts'
import { FuzzFinding, type FuzzTarget, mustEqual } from './fuzz-target.ts'

const NOW = Date.UTC(2026, 0, 1)
const hostKey = await generateKeyPairFromSeed('Ed25519', Buffer.alloc(32, 5))
const certificates = [
  (await madeCertificate(hostKey)).der,
  (await madeCertificate(hostKey, { extensions: ['foreign', 'ours'] })).der,
  (await madeCertificate(hostKey, { extensions: [] })).der,
  (await madeCertificate(hostKey, { issuer: 'another' })).der,
]

/** The library's own readers; the messages' is not among its exports, and records are a package of its own. */
const kad = import.meta.resolve('@libp2p/kad-dht')
const { Message } = (await import(new URL('./message/dht.js', kad).href)) as {
  Message: { decode: (bytes: Uint8Array) => unknown; encode: (message: object) => Uint8Array }
}
const { Libp2pRecord } = (await import(createRequire(kad).resolve('@libp2p/record'))) as {
  Libp2pRecord: {
    new (key: Uint8Array, value: Uint8Array, at: Date): { serialize(): Uint8Array }
    deserialize(bytes: Uint8Array): unknown
  }
}
/** protobufs of libp2p refuse with errors without a type of their own. */
const PROTOBUF_REFUSALS = ['Error', 'RangeError', 'MaxLengthError', 'MaxSizeError', 'TypeError']
const kadKey = Buffer.alloc(34, 3)

/** Parsers of what comes by the network before anybody knows what it is about. */
export const NETWORK_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'frame-stream',
    seeds: [
      Buffer.concat([encodeFrame('more', Buffer.from('hello')), encodeFrame('last', Buffer.from('world'))]),
      Buffer.concat([encodeFrame('end', new Uint8Array(0)), encodeFrame('error', Buffer.from('{}'))]),
      Buffer.concat([encodeFrame('last', Buffer.alloc(300, 7)), encodeFrame('more', new Uint8Array(0))]),
    ],
    refusals: ['FrameFormatError'],
    run(input) {
      const reader = new FrameReader()
      const read: Uint8Array[] = []
      for (const part of inParts(input)) {
        reader.push(part)
        for (let frame = reader.take(); frame !== undefined; frame = reader.take())
          read.push(encodeFrame(frame.mark, frame.bytes))
      }
      const whole = Buffer.concat(read)
      mustEqual('what was read gives other bytes', whole, input.subarray(0, whole.byteLength))
      mustEqual('bytes are missing', reader.unreadBytes, input.byteLength - whole.byteLength)
    },
  },
  {
    name: 'bulk-frame',
    seeds: bulkSeeds(),
    refusals: ['BulkFormatError'],
    run(input) {
      const read: Uint8Array[] = []
      const reader = new BulkFrameReader({
        begin: ({ sizeBytes }) => Buffer.alloc(sizeBytes),
        whole: (header, bytes) => void read.push(encodeBulkHeader(header), bytes.slice()),
      })
      for (const part of inParts(input)) reader.push(part)
      const whole = Buffer.concat(read)
      mustEqual('what was read gives other bytes', whole, input.subarray(0, whole.byteLength))
      mustEqual('a cut frame is not known', reader.isMidFrame, whole.byteLength < input.byteLength)
    },
  },
  { name: 'bulk-message', seeds: bulkSeeds(), refusals: ['BulkFormatError'], run: takeMessages },
  {
    name: 'tls-certificate',
    seeds: certificates,
    // OpenSSL reads each anew, and checks a signature.
    share: 0.2,
    run: (input) => readCertificate(input, NOW),
  },
  {
    name: 'tls-certificate-fields',
    seeds: certificates,
    refusals: ['DerError', ...PROTOBUF_REFUSALS, 'UnsupportedKeyTypeError', 'InvalidParametersError'],
    run(input) {
      const { spki, signature } = readFields(input)
      if (spki.byteLength + signature.byteLength > input.byteLength)
        throw new FuzzFinding('the fields are longer than the certificate')
    },
  },
  {
    name: 'kad-message',
    seeds: [
      withoutLength(
        encodeAddProvider({
          key: kadKey,
          peer: Buffer.alloc(38, 1),
          addresses: [Buffer.from('047f000001060fa1', 'hex')],
        }),
      ),
      Message.encode({ type: 'FIND_NODE', key: kadKey, closer: [], providers: [] }),
      Message.encode({
        type: 'GET_PROVIDERS',
        key: kadKey,
        closer: [
          {
            id: Buffer.alloc(38, 1),
            multiaddrs: [Buffer.from('047f000001', 'hex')],
            connection: 'CONNECTED',
          },
        ],
        providers: [],
      }),
      Message.encode({ type: 'PUT_VALUE', key: kadKey, record: kadRecord(), closer: [], providers: [] }),
    ],
    refusals: PROTOBUF_REFUSALS,
    run: (input) => Message.decode(input),
  },
  {
    name: 'kad-record',
    seeds: [kadRecord(), new Libp2pRecord(kadKey, new Uint8Array(0), new Date(0)).serialize()],
    refusals: PROTOBUF_REFUSALS,
    run: (input) => Libp2pRecord.deserialize(input),
  },
]

/** What an answerer does with frames, without the connection: windows hold whatever comes. */
function takeMessages(input: Uint8Array): void {
  const open = new Map<number, { message: IncomingMessage; window: SendingWindow }>()
  let lastId = 0
  const reader = new BulkFrameReader({
    begin({ id, mark, sizeBytes }: BulkHeader) {
      if (mark === 'open') {
        if (id <= lastId) throw new BulkFormatError('a number that was used before')
        lastId = id
        open.set(id, {
          message: new IncomingMessage(() => {}),
          window: new SendingWindow(REQUEST_WINDOW_BYTES),
        })
      } else if (mark === 'more' || mark === 'last' || mark === 'end') {
        open.get(id)?.message.expect({ id, mark, sizeBytes })
      }
      return Buffer.alloc(sizeBytes)
    },
    whole({ id, mark }, bytes) {
      const { message, window } = open.get(id) ?? {}
      if (mark === 'credit') window?.allow(Buffer.from(bytes).readUInt32BE())
      else if (mark === 'cancel') message?.forget(new Error('cancelled'))
      else if (mark === 'more' || mark === 'last' || mark === 'end') message?.push({ mark, bytes })
    },
  })
  for (const part of inParts(input)) reader.push(part)
  for (const { message } of open.values()) {
    // The empty end of a message takes nothing of the window, and something of the memory.
    if (message.heldBytes > REQUEST_WINDOW_BYTES + 256)
      throw new FuzzFinding(`${message.heldBytes} bytes in one window`)
  }
}

function bulkSeeds(): Uint8Array[] {
  const frame = (id: number, mark: keyof typeof BULK_MARKS, text: string) =>
    Buffer.concat([encodeBulkHeader({ id, mark, sizeBytes: text.length }), Buffer.from(text)])
  const credit = Buffer.alloc(4)
  credit.writeUInt32BE(262_144)
  return [
    Buffer.concat([frame(1, 'open', '/x'), frame(1, 'more', 'hello'), frame(1, 'last', 'world')]),
    Buffer.concat([
      frame(1, 'open', '/x'),
      frame(2, 'open', '/y'),
      frame(1, 'cancel', ''),
      frame(2, 'end', ''),
    ]),
    Buffer.concat([
      frame(7, 'open', '/x'),
      encodeBulkHeader({ id: 7, mark: 'credit', sizeBytes: 4 }),
      credit,
      frame(7, 'error', '{}'),
      frame(0, 'ready', ''),
    ]),
    Buffer.concat([
      frame(3, 'open', '/x'),
      ...Array.from({ length: 12 }, () => frame(3, 'more', 'x'.repeat(4_000))),
    ]),
  ]
}

/** As bytes come from a line: cut anywhere. The same input is always cut alike. */
function* inParts(input: Uint8Array): Generator<Uint8Array> {
  let size = 1 + ((input[0] ?? 0) % 13)
  for (let at = 0; at < input.byteLength; at += size, size = 1 + ((size * 31) % 1_021))
    yield input.subarray(at, at + size)
}

function kadRecord(): Uint8Array {
  return new Libp2pRecord(kadKey, Buffer.from('a value'), new Date(NOW)).serialize()
}

/** A message on a stream stands behind its length. */
function withoutLength(bytes: Uint8Array): Uint8Array {
  const head = bytes.findIndex((byte) => byte < 0x80)
  return bytes.slice(head + 1)
}
