import { TASK_KINDS } from '../compute/task.ts'
import { parseScheduleEntry } from './bandwidth-schedule.ts'
import { bootstrapAddress, friendOf } from './bootstrap-address.ts'
import type { ConfigKey, NodeConfig } from './config-schema.ts'
import type { ConfigFault } from './errors.ts'

/** What no single key can show to be wrong. */
export function contradictions(config: NodeConfig, origin: ReadonlyMap<string, string>): ConfigFault[] {
  const faults: ConfigFault[] = []
  const refuse = (key: ConfigKey, reason: string) =>
    faults.push({ key, source: origin.get(key) ?? 'default', reason })
  const ports = (['port', 'wsPort', 'dhtPort'] as const).filter((key) => config[key] > 0)
  for (const [index, key] of ports.entries()) {
    const other = ports.slice(0, index).find((earlier) => config[earlier] === config[key])
    if (other !== undefined) refuse(key, `is the same port as ${other}`)
  }
  if (config.apiPort > 0 && ports.some((key) => config[key] === config.apiPort)) {
    refuse('apiPort', 'is the same port as one for peers')
  }
  const hasTls = config.apiTlsCert !== ''
  if (hasTls !== (config.apiTlsKey !== ''))
    refuse(hasTls ? 'apiTlsCert' : 'apiTlsKey', 'needs the other one of apiTlsCert and apiTlsKey')
  if (!isLoopback(config.apiHost) && !hasTls && !config.apiPublic) {
    refuse(
      'apiHost',
      'reaches beyond this machine without TLS (apiTlsCert, apiTlsKey), and apiPublic does not consent to that',
    )
  }
  if (config.storageBytesMax > 0) {
    for (const key of ['storageForOthersBytesMax', 'cacheBytesMax'] as const) {
      if (origin.has(key) && config[key] > config.storageBytesMax) refuse(key, 'is more than storageBytesMax')
    }
  }
  if (takesLittle(config)) {
    if (origin.has('storageForOthersBytesMax') && config.storageForOthersBytesMax > 0) {
      refuse('storageForOthersBytesMax', `must be 0 in the role ${config.role}`)
    }
    if (config.relayServer === 'on') {
      refuse('relayServer', `cannot be on in the role ${config.role}`)
    }
  }
  if (origin.has('copies') && config.policy !== 'auto' && config.policy !== `replica:${config.copies}`) {
    refuse('copies', `contradicts the policy ${config.policy}`)
  }
  const coded = /^rs:(\d+)\+(\d+)$/.exec(config.policy)
  if (coded !== null && (Number(coded[1]) < 1 || Number(coded[2]) < 1)) {
    refuse('policy', 'needs at least one data and one parity shard')
  }
  if (config.policy === 'replica:0') refuse('policy', 'needs at least one copy')
  for (const entry of config.bootstrap) {
    if (bootstrapAddress(entry) === undefined) {
      refuse('bootstrap', `has “${entry}”, which is neither a multiaddress nor host:port`)
    }
  }
  for (const entry of config.friends) {
    if (friendOf(entry) === undefined) refuse('friends', `has “${entry}”, which does not end in a peer id`)
  }
  for (const entry of config.taskKinds) {
    if (!(TASK_KINDS as readonly string[]).includes(entry))
      refuse('taskKinds', `has “${entry}”, which is no kind of task`)
  }
  for (const entry of config.bandwidthSchedule) {
    if (parseScheduleEntry(entry) === undefined) {
      refuse('bandwidthSchedule', `has “${entry}”, which does not read like 22:00-06:00=UP/DOWN`)
    }
  }
  if (config.historyDriver === 'mongodb' && !MONGODB_COLLECTION.test(config.historyTable))
    refuse('historyTable', 'is no name of a MongoDB collection')
  if (config.environment === 'production') {
    if (DEBUG_LEVELS.includes(config.logLevel))
      refuse('logLevel', 'shows too much for the environment production')
    if (config.networkDebug) refuse('networkDebug', 'shows too much for the environment production')
    if (!isLoopback(config.apiHost) && !hasTls)
      refuse('apiHost', 'needs TLS (apiTlsCert, apiTlsKey) in the environment production')
  }
  return faults
}

/** With the database's name and a dot before it, a name has room for 255 bytes there. */
const MONGODB_COLLECTION = /^(?!system\.|\.)(?!.*\.\.)[A-Za-z0-9_.-]{3,190}(?<!\.)$/

/** Levels at which lines may say what people do. */
const DEBUG_LEVELS: readonly string[] = ['debug', 'trace']

/** Whether a role neither stores for others nor relays. */
export function takesLittle(config: NodeConfig): boolean {
  return config.role === 'light' || config.role === 'mobile'
}

/** Whether only programs on this machine can reach an address. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
