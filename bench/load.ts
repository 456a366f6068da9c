import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KizunaProcess } from '../test/fixtures/kizuna-process.ts'
import { sha256OfFile, writeSampleFile } from '../test/fixtures/sample-file.ts'
import { transferContenders } from './contenders.ts'
import type { Reached } from './goals.ts'
import type { Result } from './kept-results.ts'
import { cpuMsOf, milliseconds } from './latency.ts'
import type { LoadPlan, LoadReport } from './load-client.ts'
import { describeMachine } from './machine.ts'
import { transfer } from './rounds.ts'

const MIB = 1024 ** 2
const CLIENT = fileURLToPath(new URL('load-client.ts', import.meta.url))
const CHUNK_BYTES = 256 * 1024
const PUT_BYTES = 4 * MIB
/** Contents that are asked for in turn: more than one, fewer than would not fit a cache of chunks. */
const CONTENTS = 64
const BETWEEN_NODES_MIB = 256
/** Connections of one program at ordinary times, when each kind is alone. */
const CONNECTIONS = { metadata: 16, get: 8, put: 4 }
/** All kinds at once at ordinary times: about as much work in all as one kind alone. … */
const MIXED = 1 / 3
/** … Overload is three times as many connections as each kind has alone, all at once: nine times the mixed load. */
const OVERLOAD = 3
/** After overload the node is looked at in steps of so many seconds, … */
const STEP_SECONDS = 0.5
/** … at most so many times, … */
const STEPS_MAX = 40
/** … until it is as quick as before but for this. */
const BACK_FACTOR = 1.5
const RETRIES = 100

type Kind = LoadPlan['kind']

/**
 * Row R-12: what a node holds when programs ask it without a pause, by kind, and what becomes of it when they are
 * three times as many. The asking programs run on the same machine and take their part of it.
 */
export async function measureLoad(folder: string, seconds: number): Promise<Result> {
  const machine = describeMachine()
  const home = mkdtempSync(join(folder, 'load-'))
  const node = await KizunaProcess.start({ home }, ['--port', '0', '--no-mdns', '--no-upnp'])
  try {
    const ids = await shareContents(node)
    const ask = (kind: Kind, factor = 1, forSeconds = seconds) =>
      runClient(node, { kind, ids, connections: Math.round(CONNECTIONS[kind] * factor), seconds: forSeconds })
    const metadata = await ask('metadata')
    const get = await ask('get')
    const put = await ask('put')
    const askAll = (factor: number) =>
      Promise.all([ask('metadata', factor), ask('get', factor), ask('put', factor)])
    const mixed = await askAll(MIXED)
    const overload = await askAll(OVERLOAD)
    const backSeconds = await secondsUntil(
      async () => (await ask('metadata', 1, STEP_SECONDS)).p99Ms <= metadata.p99Ms * BACK_FACTOR,
    )
    const between = await betweenNodes(folder)
    return resultOf({
      machine,
      seconds,
      ordinary: [metadata, get, put],
      mixed,
      overload,
      backSeconds,
      between,
    })
  } finally {
    await node.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

async function shareContents(node: KizunaProcess): Promise<string[]> {
  const ids: string[] = []
  for (let index = 0; index < CONTENTS; index++) {
    const body = Buffer.alloc(CHUNK_BYTES, `content ${index} `)
    const { api, token } = node.ready
    const url = `${api}/v1/share?wait=local&name=${index}.bin&private=false`
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
    for (let tried = 0; ; tried++) {
      const response = await fetch(url, { method: 'POST', headers, body })
      const answer = (await response.json()) as { id?: string }
      if (answer.id !== undefined) {
        ids.push(answer.id)
        break
      }
      if (tried === RETRIES) throw new Error(`Not shared: ${JSON.stringify(answer)}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return ids
}

/** With the node's processor time during it (ms). */
type Load = LoadReport & { cpuMs: number }

async function runClient(
  node: KizunaProcess,
  wish: Pick<LoadPlan, 'kind' | 'ids' | 'connections' | 'seconds'>,
): Promise<Load> {
  const cpuBefore = cpuMsOf(node.pid)
  const { api, token } = node.ready
  const plan: LoadPlan = { api, token, putBytes: PUT_BYTES, ...wish }
  const child = spawn(process.execPath, [CLIENT, JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString()
  })
  await once(child, 'close')
  return { ...(JSON.parse(text) as LoadReport), cpuMs: cpuMsOf(node.pid) - cpuBefore }
}

async function secondsUntil(isTrue: () => Promise<boolean>): Promise<number> {
  const begin = performance.now()
  for (let step = 0; step < STEPS_MAX; step++) {
    const seconds = (performance.now() - begin) / 1_000
    if (await isTrue()) return seconds
  }
  return Number.POSITIVE_INFINITY
}

/** From one node's store to another's and a file, encrypted and verified; bytes a second. */
async function betweenNodes(folder: string): Promise<number> {
  const room = mkdtempSync(join(folder, 'between-'))
  try {
    const file = join(room, 'sample.bin')
    await writeSampleFile(file, BETWEEN_NODES_MIB * MIB, 1)
    const sample = { file, sizeBytes: BETWEEN_NODES_MIB * MIB, sha256: await sha256OfFile(file) }
    const kizuna = transferContenders.find(({ name }) => name === 'Kizuna')
    if (kizuna === undefined) throw new Error('Kizuna is missing among the contenders.')
    return sample.sizeBytes / (await transfer(kizuna, sample, room))
  } finally {
    rmSync(room, { recursive: true, force: true })
  }
}

interface Measured {
  machine: Result['machine']
  seconds: number
  /** Metadata, content, put. */
  ordinary: [Load, Load, Load]
  mixed: [LoadReport, LoadReport, LoadReport]
  overload: [LoadReport, LoadReport, LoadReport]
  backSeconds: number
  between: number
}

function resultOf(measured: Measured): Result {
  const { machine, seconds, ordinary, mixed, overload, backSeconds, between } = measured
  const [metadata, get, put] = ordinary
  const failed = [...ordinary, ...mixed].reduce((sum, { statuses }) => sum + countOf(statuses, isFailure), 0)
  const broken = overload.reduce((sum, { statuses }) => sum + countOf(statuses, isFailure), 0)
  const slowest = Math.max(...overload.map(({ p99Ms }, kind) => p99Ms / (mixed[kind]?.p99Ms ?? 0)))
  const silent = overload.reduce((sum, one) => sum + one.withoutRetryAfter, 0)
  return {
    title: 'Load held (R-12)',
    machine,
    setting: `${seconds} s of each kind over ${CONNECTIONS.metadata}, ${CONNECTIONS.get} and ${CONNECTIONS.put} connections, then all kinds at once over a third as many, then over ${OVERLOAD} times as many; contents of ${CHUNK_BYTES / 1024} KiB, puts of ${PUT_BYTES / MIB} MiB, asked by programs on the same machine, home in the folder of the benchmark`,
    standings: [],
    table: {
      head: [
        '',
        'admitted a second',
        'MiB/s',
        'median',
        '99 %',
        'the node’s processor time for each',
        'answers',
      ],
      rows: [
        ...['metadata', 'content of 256 KiB', 'durable put'].map((name, kind) => row(name, ordinary[kind])),
        // Whose processor time that was, nobody can tell.
        ...['metadata', 'content of 256 KiB', 'durable put'].map((name, kind) =>
          row(`${name}, all at once`, withoutCpu(mixed[kind])),
        ),
        ...['metadata', 'content of 256 KiB', 'durable put'].map((name, kind) =>
          row(`${name}, overload`, withoutCpu(overload[kind])),
        ),
        ['between two nodes', '', (between / MIB).toFixed(0), '', '', '', ''],
        ['back to normal after overload', '', '', '', '', '', `${backSeconds.toFixed(1)} s`],
        ['refused in overload without Retry-After', '', '', '', '', '', `${silent}`],
        ['failed: ordinary, overload', '', '', '', '', '', `${failed}, ${broken}`],
      ],
    },
    goals: [
      goal('metadata', '2,000 a second', admitted(metadata) / 2_000),
      goal('metadata, 99 %', '50 ms', 50 / metadata.p99Ms),
      goal('content of 256 KiB', '150 MiB/s', rateOf(get) / 150),
      goal('durable put', '40 MiB/s', rateOf(put) / 40),
      goal('between two nodes', '50 MiB/s', between / MIB / 50),
      goal('slowest kind admitted in overload, 99 %', 'twice that of all at once', 2 / slowest),
      goal('back to normal', '5 s', 5 / Math.max(backSeconds, STEP_SECONDS)),
    ],
  }
}

function row(name: string, report: (LoadReport & { cpuMs?: number }) | undefined): string[] {
  if (report === undefined) return [name]
  const { medianMs, p99Ms, statuses, cpuMs } = report
  const answers = Object.entries(statuses).map(([status, count]) => `${count} × ${status}`)
  return [
    name,
    admitted(report).toFixed(0),
    report.bytes === 0 ? '' : rateOf(report).toFixed(0),
    milliseconds(medianMs),
    milliseconds(p99Ms),
    cpuMs === undefined ? '' : `${(cpuMs / (admitted(report) * report.seconds)).toFixed(2)} ms`,
    answers.join(', '),
  ]
}

function withoutCpu(report: LoadReport | undefined): LoadReport | undefined {
  return report === undefined ? undefined : ({ ...report, cpuMs: undefined } as LoadReport)
}

function goal(ours: string, theirs: string, ratio: number): Reached {
  return { ours, theirs, atLeast: 1, ratio, reached: ratio >= 1 }
}

function admitted({ statuses, seconds }: LoadReport): number {
  return countOf(statuses, (status) => status.startsWith('2')) / seconds
}

function rateOf({ bytes, seconds }: LoadReport): number {
  return bytes / MIB / seconds
}

/** Neither answered nor told when to come again. */
function isFailure(status: string): boolean {
  return !status.startsWith('2') && status !== '429' && status !== '503'
}

function countOf(statuses: Record<string, number>, isWanted: (status: string) => boolean): number {
  return Object.entries(statuses).reduce((sum, [status, count]) => sum + (isWanted(status) ? count : 0), 0)
}
