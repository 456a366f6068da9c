import { z } from 'zod'
import { LOG_LEVELS } from '../core/log-levels.ts'
import { CHUNKING_PROFILES } from '../storage/chunking-profile.ts'
import { value } from './config-values.ts'

const GIB = 1024 ** 3
const HOUR_MS = 3_600_000

/**
 * Every setting of a node: its meaning, its form and its default, in one place. Flags, environment variables,
 * `config.json`, `kizuna config` and docs/using/configuration.md are derived from it.
 */
export const nodeConfigSchema = z.strictObject({
  home: value
    .text()
    .min(1, 'must not be empty')
    .describe('Data folder: identity, index, chunks, settings. Default `~/.kizuna`.'),
  label: value
    .text()
    .max(64, 'must be at most 64 characters')
    .regex(/^[^\p{Cc}]*$/u, 'must not contain control characters')
    .default('')
    .describe(
      'Name of this node for people (the `node_id` of older programs); bound to its peer id by signature.',
    ),
  role: value
    .choice('full', 'light', 'seed', 'mobile')
    .default('full')
    .describe(
      '`full` stores and serves; `light` only downloads; `seed` is always on and relays; `mobile` stores nothing for others and never relays.',
    ),
  failureDomain: value
    .text()
    .max(64)
    .default('')
    .describe(
      'What may fail together with this node (a home, a machine); copies go to different domains. Default: the machine.',
    ),

  host: value.text().default('0.0.0.0').describe('Address to listen on for peers.'),
  port: value.count(0, 65_535).default(4001).describe('TCP port for peers; 0 takes any free one.'),
  wsPort: value
    .count(-1, 65_535)
    .default(0)
    .describe(
      'WebSocket port for peers; 0 takes the one after `port`, or any free one when that is taken or `port` is 0; -1 turns it off.',
    ),
  dhtPort: value
    .count(-1, 65_535)
    .default(-1)
    .describe('An extra TCP port to listen on, for addresses given out as bootstrap; -1 turns it off.'),
  announce: value
    .list(32)
    .default([])
    .describe(
      'Addresses to tell others besides those found, as multiaddresses (a forwarded port, a domain name).',
    ),
  connectionsMax: value.count(1, 10_000).default(300).describe('Most connections to peers at once.'),
  upnp: value.flag().default(true).describe('Ask the router to forward our port (UPnP).'),

  bootstrap: value
    .list(64)
    .default([])
    .describe('Peers to connect to at the start: multiaddresses or `host:port`.'),
  bootstrapDns: value
    .list(16)
    .default([])
    .describe('Domain names whose `_dnsaddr` TXT records list peers to connect to at the start.'),
  mdns: value.flag().default(true).describe('Find peers on the local network.'),
  dht: value.flag().default(true).describe('Find peers and content by the distributed hash table.'),
  relayServer: value
    .choice('auto', 'on', 'off')
    .default('auto')
    .describe('Carry traffic for peers behind routers; `auto` when this machine has a public address.'),
  relayClient: value.flag().default(true).describe('Be reachable through relays when nothing else works.'),
  friends: value
    .list(64)
    .default([])
    .describe('Peer ids (or addresses ending in one) to stay connected to without end.'),

  spaceName: value
    .text()
    .max(64)
    .default('')
    .describe('Name of the space that a first start founds. Default: made from the label.'),
  admission: value
    .choice('open', 'invite')
    .default('open')
    .describe(
      'How newcomers enter a space founded here: `open` to anyone who reaches a member, or by `invite` only.',
    ),
  autoJoin: value
    .choice('bootstrap', 'never')
    .default('bootstrap')
    .describe(
      'Whether a fresh node, alone and with nothing shared, enters the open space of its bootstrap peers.',
    ),

  copies: value.count(1, 64).default(3).describe('Copies of small content, this node’s included.'),
  policy: value
    .text()
    .regex(/^(auto|replica:\d{1,2}|rs:\d{1,2}\+\d{1,2})$/, 'must be auto, replica:N or rs:K+M')
    .default('auto')
    .describe(
      'How shared content is kept: `auto`, `replica:N` (whole copies) or `rs:K+M` (K data and M parity shards).',
    ),
  chunkProfile: value
    .choice('auto', ...CHUNKING_PROFILES)
    .default('auto')
    .describe('How content is cut into chunks: 256 KiB, 1 or 2 MiB, or by content; `auto` goes by size.'),

  storageFolder: value
    .text()
    .default('')
    .describe(
      'Where chunks are stored (the `storage_dir` of older programs). Default: `chunks` in the data folder.',
    ),
  downloadFolder: value
    .text()
    .default('')
    .describe(
      'Where `get` writes when no output is named and no folder is current. Default: `downloads` in the data folder.',
    ),
  storageBytesMax: value
    .bytes()
    .default(0)
    .describe('Most bytes of chunks on this machine; 0 leaves only the disk as limit.'),
  storageChunksMax: value
    .count(0, 2 ** 40)
    .default(0)
    .describe(
      'Most chunks on this machine, for disks that run out of file names before they run out of room; 0 is unlimited.',
    ),
  storageForOthersBytesMax: value
    .bytes()
    .default(20 * GIB)
    .describe('Most bytes stored for other members; 0 stores nothing for them.'),
  cacheBytesMax: value
    .bytes()
    .default(2 * GIB)
    .describe('Most bytes of fetched chunks that are kept without being pinned.'),

  downloadPeersMax: value
    .count(1, 64)
    .default(5)
    .describe('Peers to download from at once (`max_concurrent` and `max_connections` of older programs).'),
  downloadTimeoutMs: value
    .duration(100, HOUR_MS)
    .default(30_000)
    .describe('A download without any progress for this long ends with the reason.'),
  uploadBytesPerSecondMax: value
    .bytes()
    .default(0)
    .describe('Bytes sent to peers per second; 0 is unlimited. Applies at once.'),
  downloadBytesPerSecondMax: value
    .bytes()
    .default(0)
    .describe('Bytes received from peers per second; 0 is unlimited. Applies at once.'),
  bandwidthSchedule: value
    .list(24)
    .default([])
    .describe(
      'Other limits at times of day: `22:00-06:00=UP/DOWN` in bytes per second (0 unlimited). Applies at once.',
    ),

  gossipIntervalMs: value
    .duration(100, HOUR_MS)
    .default(30_000)
    .describe('How often this node tells its state to the space.'),
  repairGraceMs: value
    .duration(0, 7 * 24 * HOUR_MS)
    .default(15 * 60_000)
    .describe('How long a peer may be away before what it held is copied again.'),
  repairBytesPerSecondMax: value
    .bytes()
    .default(0)
    .describe(
      'Bytes per second that repair may take for copies; 0 is half of `uploadBytesPerSecondMax`, unlimited where that is. Applies at once.',
    ),
  scrubCycleDays: value
    .count(1, 365)
    .default(7)
    .describe('Days in which every chunk on this machine is read and checked once.'),
  scrubCpuPercent: value
    .count(1, 100)
    .default(5)
    .describe('Most that this checking may take of one processor core, in percent; it goes before the days.'),
  auditsPerHour: value
    .count(0, 3_600)
    .default(20)
    .describe(
      'How often in an hour this node has another member show that it holds what it says; 0 never asks.',
    ),

  tasksAtOnce: value
    .count(0, 64)
    .default(2)
    .describe(
      'Tasks done for members of the space at once; 0 does none. Roles `light` and `mobile` do none unless it is set.',
    ),
  taskKinds: value
    .list(5)
    .default(['verify', 'hash', 'archive', 'transcode-image', 'wasm'])
    .describe('Kinds of tasks done for members: `verify`, `hash`, `archive`, `transcode-image`, `wasm`.'),
  tasksCpuPercent: value
    .count(1, 100)
    .default(50)
    .describe('Most of its time that each of these tasks works, on average, in percent: after one it rests.'),

  localUrls: value
    .flag()
    .default(false)
    .describe('Let `share --url` read from this machine and the local network, not only from the internet.'),

  apiHost: value.text().default('127.0.0.1').describe('Address of the HTTP API.'),
  apiPort: value.count(0, 65_535).default(4010).describe('Port of the HTTP API; 0 takes any free one.'),
  apiPublic: value
    .flag()
    .default(false)
    .describe(
      'Consent to an `apiHost` that other machines reach without TLS. Whoever listens in has the token, then.',
    ),
  apiTlsCert: value
    .text()
    .default('')
    .describe('Certificate chain (PEM file) of the HTTP API; with it, it speaks TLS at `apiHost`.'),
  apiTlsKey: value
    .text()
    .default('')
    .describe('Key (PEM file, without a passphrase) of the certificate in `apiTlsCert`.'),

  discordApi: value
    .text()
    .regex(/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/, 'must be an http or https address')
    .default('https://discord.com/api')
    .describe('Where the Discord bot finds Discord; for tests.'),
  discordIntents: value
    .list(16)
    .default(['Guilds', 'GuildMessages', 'DirectMessages', 'MessageContent'])
    .describe(
      'What the Discord bot asks to be told. Without `MessageContent` typed commands work only by mentioning the bot.',
    ),
  discordPrefix: value
    .text()
    .regex(/^[^\s`@#/\\]{0,5}$/u, 'must be at most 5 characters without spaces, @, #, /')
    .default('!')
    .describe('How typed commands on Discord begin where a server chose nothing else; empty turns them off.'),
  discordGuilds: value
    .list(256)
    .default([])
    .describe(
      'Ids of the Discord servers whose members and managers count as such. Default: every server the bot is in, or, when everybody may add it (Public Bot), those of the application’s owner.',
    ),
  discordLook: value
    .choice('cards', 'embeds', 'plain')
    .default('cards')
    .describe('How the Discord bot’s answers look: `cards`, `embeds` (for older clients) or `plain` text.'),
  discordAttachmentBytesMax: value
    .bytes()
    .default(500 * 1024 ** 2)
    .describe('Longest file that the Discord bot takes from a message or command.'),
  discordHttpPort: value
    .count(-1, 65_535)
    .default(-1)
    .describe(
      'Port on which Discord’s interactions come by HTTP, beside the gateway; 0 takes any free one, -1 none.',
    ),
  discordPublicKey: value
    .text()
    .regex(/^([0-9a-f]{64})?$/i, 'must be 64 hex digits')
    .default('')
    .describe('Public key of the Discord application (General Information); signs what comes by HTTP.'),

  environment: value
    .choice('development', 'staging', 'production')
    .default('development')
    .describe(
      'What this node is for; `production` refuses settings that are meant for looking into things. In a checkout, `.env` and then `.env.` and this name are read at the start.',
    ),
  historyDriver: value
    .choice('sqlite', 'dynamodb', 'mongodb')
    .default('sqlite')
    .describe(
      'Where the command history is kept: on this machine, in a DynamoDB table, or in MongoDB at `MONGODB_URI`.',
    ),
  historyTable: value
    .text()
    .regex(/^[A-Za-z0-9_.-]{3,255}$/, 'must be 3 to 255 letters, digits, dots, dashes or underscores')
    .default('CommandHistoryTable')
    .describe('Name of the DynamoDB table or the MongoDB collection.'),
  historyDatabase: value
    .text()
    .regex(/^[A-Za-z0-9_-]{1,63}$/, 'must be 1 to 63 letters, digits, dashes or underscores')
    .default('kizuna')
    .describe('Name of the MongoDB database; the one in `MONGODB_URI` only says where its user is known.'),
  historyEndpoint: value
    .text()
    .regex(/^(https?:\/\/\S+)?$/, 'must be an http or https address')
    .default('')
    .describe('Address of DynamoDB; empty: that of `AWS_REGION`.'),
  logLevel: value
    .choice('silent', ...LOG_LEVELS)
    .default('warn')
    .describe('How much is logged, as JSON lines on standard error and in `logFolder`.'),
  logFolder: value
    .text()
    .max(4_096)
    .default('logs')
    .describe(
      'Where `kizuna start` also keeps its log, in the data folder: files of 10 MB or a day, the last 14. Empty: nowhere.',
    ),
  networkDebug: value
    .flag()
    .default(false)
    .describe('Also log what the libp2p libraries say; a great deal. `IPFS_LOGGING=true` does the same.'),
})

/** The whole configuration of a node, complete and frozen. */
export type NodeConfig = Readonly<z.output<typeof nodeConfigSchema>>
/** The name of a setting. */
export type ConfigKey = keyof NodeConfig
/** Every setting's name, in the order of the documentation. */
export const CONFIG_KEYS = Object.keys(nodeConfigSchema.shape) as ConfigKey[]
/** Settings that take effect while the node runs; the others at its next start. */
export const RUNTIME_KEYS: readonly ConfigKey[] = [
  'admission',
  'uploadBytesPerSecondMax',
  'downloadBytesPerSecondMax',
  'bandwidthSchedule',
  'repairBytesPerSecondMax',
  'logLevel',
]
