import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseScheduleEntry } from './bandwidth-schedule.ts'
import { bootstrapAddress } from './bootstrap-address.ts'
import {
  type ConfigSources,
  downloadFolderOf,
  flagOf,
  loadConfig,
  storageFolderOf,
  variableOf,
} from './config.ts'
import { CONFIG_KEYS, nodeConfigSchema } from './config-schema.ts'
import { ConfigError } from './errors.ts'
import { networkOptions } from './network-options.ts'

const USER_HOME = '/home/somebody'
const load = (sources: Partial<ConfigSources> = {}) => loadConfig({ userHome: USER_HOME, ...sources })

function faultsOf(sources: Partial<ConfigSources>) {
  try {
    load(sources)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.details.faults as { key: string; source: string; reason: string }[]
  }
  assert.fail('it was taken')
}

test('a flag wins over the environment, that over the file, and that over the default [A-45]', () => {
  const file = { port: 1001, apiPort: 1002, copies: 5 }
  const variables = { KIZUNA_PORT: '2001', KIZUNA_API_PORT: '2002' }
  const config = load({ file, variables, flags: { port: '3001' } })
  assert.equal(config.port, 3001)
  assert.equal(config.apiPort, 2002)
  assert.equal(config.copies, 5)
  assert.equal(config.gossipIntervalMs, 30_000)
})

test('every setting has a meaning, a default, a variable and a flag [B-60]', () => {
  const config = load()
  for (const key of CONFIG_KEYS) {
    assert.ok((nodeConfigSchema.shape[key].description ?? '').length > 10, key)
    assert.notEqual(config[key], undefined, key)
    assert.match(variableOf(key), /^KIZUNA_[A-Z_]+$/)
    assert.match(flagOf(key), /^--[a-z-]+$/)
  }
  assert.equal(new Set(CONFIG_KEYS.map(variableOf)).size, CONFIG_KEYS.length)
  const sized = load({ flags: { connectionsMax: '12', chunkProfile: 'cdc' } })
  assert.deepEqual([sized.connectionsMax, sized.chunkProfile], [12, 'cdc'])
})

test('all faults of all sources are said at once', () => {
  const faults = faultsOf({
    file: { port: 'many', colour: 'red', home: '/elsewhere' },
    variables: { KIZUNA_API_PORT: '99999', KIZUNA_TYPO: '1' },
    flags: { role: 'king' },
  })
  assert.deepEqual(faults.map(({ key, source }) => `${key} ${source}`).sort(), [
    'KIZUNA_TYPO environment',
    'apiPort KIZUNA_API_PORT',
    'colour config.json',
    'home config.json',
    'port config.json',
    'role --role',
  ])
})

test('refuses settings that contradict each other', () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ port: 4001, dhtPort: 4001 }, 'dhtPort'],
    [{ port: 4010, apiPort: 4010 }, 'apiPort'],
    [{ apiHost: '0.0.0.0' }, 'apiHost'],
    [{ role: 'light', storageForOthersBytesMax: '1GB' }, 'storageForOthersBytesMax'],
    [{ role: 'mobile', relayServer: 'on' }, 'relayServer'],
    [{ copies: 2, policy: 'rs:4+2' }, 'copies'],
    [{ storageBytesMax: '1GB', cacheBytesMax: '2GB' }, 'cacheBytesMax'],
    [{ policy: 'rs:0+2' }, 'policy'],
    [{ bootstrap: 'nonsense' }, 'bootstrap'],
    [{ friends: 'nobody' }, 'friends'],
    [{ bandwidthSchedule: '25:00-06:00=1/1' }, 'bandwidthSchedule'],
  ]
  for (const [flags, key] of cases) {
    assert.ok(
      faultsOf({ flags }).some((fault) => fault.key === key),
      JSON.stringify(flags),
    )
  }
  assert.equal(load({ flags: { apiHost: '0.0.0.0', apiPublic: true } }).apiHost, '0.0.0.0')
})

test('cannot be changed once it is made', () => {
  const config = load({ flags: { bootstrap: '192.0.2.1:4001' } })
  assert.throws(() => Object.assign(config, { port: 1 }), TypeError)
  assert.throws(() => (config.bootstrap as string[]).push('x'), TypeError)
})

test('a node has a label for people [B-41]', () => {
  assert.equal(load({ variables: { KIZUNA_LABEL: 'attic' } }).label, 'attic')
  assert.ok(faultsOf({ flags: { label: 'two\nlines' } }).length > 0)
})

test('host and port become the address to listen on, and an extra port is opened for bootstrap [B-42] [B-43]', () => {
  const options = networkOptions(load({ flags: { host: '127.0.0.1', port: 9000, dhtPort: 8468 } }))
  assert.deepEqual([options.host, options.port, options.dhtPort], ['127.0.0.1', 9000, 8468])
})

test('chunks and downloads go where the settings say, by default into the data folder [B-36] [B-44]', () => {
  const standard = load()
  assert.equal(standard.home, '/home/somebody/.kizuna')
  assert.equal(storageFolderOf(standard), '/home/somebody/.kizuna/chunks')
  assert.equal(downloadFolderOf(standard), '/home/somebody/.kizuna/downloads')
  const chosen = load({ flags: { storageFolder: '/srv/hashed_files', downloadFolder: '/srv/in' } })
  assert.equal(storageFolderOf(chosen), '/srv/hashed_files')
  assert.equal(downloadFolderOf(chosen), '/srv/in')
})

test('bootstrap peers are multiaddresses or host and port, several at once [B-45] [B-58]', () => {
  const given = ['192.0.2.1:4001', '[2001:db8::1]:4001', 'node.example.org:4001', '/ip4/192.0.2.2/tcp/4001']
  const config = load({
    variables: { KIZUNA_BOOTSTRAP: given.join(', '), KIZUNA_BOOTSTRAP_DNS: 'example.org' },
  })
  assert.deepEqual(networkOptions(config).bootstrap, [
    '/ip4/192.0.2.1/tcp/4001',
    '/ip6/2001:db8::1/tcp/4001',
    '/dns/node.example.org/tcp/4001',
    '/ip4/192.0.2.2/tcp/4001',
  ])
  assert.deepEqual(networkOptions(config).bootstrapDns, ['example.org'])
  for (const wrong of ['1.2.3.4', '1.2.3.999:1', 'host:0', 'host:70000', '/nothing/1', ':4001', 'a b:1']) {
    assert.equal(bootstrapAddress(wrong), undefined, wrong)
  }
})

test('a download asks five peers at once and gives up after 30 s, unless the settings say otherwise [B-46] [B-47] [A-57]', () => {
  const standard = load()
  assert.deepEqual([standard.downloadPeersMax, standard.downloadTimeoutMs], [5, 30_000])
  const chosen = load({ flags: { downloadPeersMax: '2', downloadTimeoutMs: '5s' } })
  assert.deepEqual([chosen.downloadPeersMax, chosen.downloadTimeoutMs], [2, 5000])
})

test('sizes, times, switches and lists are read as people write them', () => {
  const config = load({
    flags: { cacheBytesMax: '1.5GiB', storageForOthersBytesMax: '500MB', repairGraceMs: '2h', mdns: 'off' },
  })
  assert.equal(config.cacheBytesMax, 1.5 * 1024 ** 3)
  assert.equal(config.storageForOthersBytesMax, 500e6)
  assert.equal(config.repairGraceMs, 7_200_000)
  assert.equal(config.mdns, false)
  for (const wrong of ['-1', '1 XB', 'ten', '1e9', '', '9999999999999999999']) {
    assert.ok(faultsOf({ flags: { cacheBytesMax: wrong } }).length > 0, wrong)
  }
})

test('roles that only take neither store for others nor relay', () => {
  for (const role of ['light', 'mobile']) {
    const config = load({ flags: { role } })
    assert.equal(config.storageForOthersBytesMax, 0)
    assert.equal(config.relayServer, 'off')
  }
  assert.equal(networkOptions(load({ flags: { role: 'light' } })).dhtMode, 'client')
  assert.equal(networkOptions(load({ flags: { role: 'seed' } })).relayServer, true)
  assert.equal(networkOptions(load()).relayServer, 'auto')
})

test('whatever is in the file, loading ends with a configuration or with faults', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...CONFIG_KEYS, 'other'), fc.jsonValue(), { maxKeys: 8 }),
      (file) => {
        try {
          assert.ok(Object.isFrozen(load({ file })))
        } catch (error) {
          assert.ok(error instanceof ConfigError)
          assert.ok((error.details.faults as unknown[]).length > 0)
        }
      },
    ),
  )
})

test('a bandwidth schedule names a span of the day and its limits', () => {
  assert.deepEqual(parseScheduleEntry('22:00-06:30=1000/0'), {
    fromMinute: 1320,
    toMinute: 390,
    uploadBytesPerSecond: 1000,
    downloadBytesPerSecond: 0,
  })
  for (const wrong of ['24:00-01:00=1/1', '1:60-2:00=1/1', '1:00-2:00=1', '']) {
    assert.equal(parseScheduleEntry(wrong), undefined, wrong)
  }
})
