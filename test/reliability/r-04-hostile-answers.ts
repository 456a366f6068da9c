/**
 * One reader, ten peers that all say they have the content: one honest, nine that all misbehave in one of the
 * ways of hostile-behaviours.ts. Over the network in memory and in virtual time, so that a trial costs milliseconds
 * and its times are exact. In some trials the honest peer has a slow line, or a second honest one a faulty disk.
 */
import { setImmediate } from 'node:timers/promises'
import { DDS_PROTOCOL, decodeRequest } from '../../src/content/dds-protocol.ts'
import { TestSpace } from '../../src/content/space-under-test.suite.ts'
import type { Clock } from '../../src/core/clock.ts'
import { type ContentId, contentIdFromDigest } from '../../src/core/content-id.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import { SeededRandom } from '../../src/core/random.ts'
import type { PeerId } from '../../src/core/signing-key.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'
import { Bandwidth } from '../../src/network/bandwidth.ts'
import { createGuardedNetwork } from '../../src/network/guarded-network.ts'
import type { Network } from '../../src/network/network.ts'
import { RateLimits } from '../../src/network/rate-limits.ts'
import { forgetfulReputationStore, Reputation } from '../../src/network/reputation.ts'
import {
  type Asked,
  BEHAVIOURS,
  type Behaviour,
  behave,
  FAULTY_DISK,
  HAS_NOTHING,
  HONEST,
} from './hostile-behaviours.ts'
import { type HostileContent, publishSamples } from './hostile-content.ts'
import { playOnRealHosts } from './hostile-hosts.ts'
import { playReplay } from './hostile-replay.ts'
import { playStoring, STORING } from './hostile-storers.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'

const PEERS = 10
const TRIALS_PER_BEHAVIOUR = { gate: 8, night: 80, release: 400 }
/** A day of a whole space each. */
const SPACES_PER_STORING = { gate: 1, night: 8, release: 40 }
/** Requests that an offender gets to answer badly before it is left alone. */
const BAD_ANSWERS_MAX = 3
const SLOWDOWN_MAX = 3
/** An answer that the reader gave up earlier is not a bad one: nobody could have told yet. */
const PATIENCE_MS = 1_000
/** A trial that takes longer, in its own time, has failed. */
const TRIAL_MS_MAX = 600_000

interface Trial {
  content: HostileContent
  /** One-way delay of every link, and bytes per second of each in each direction. */
  delayMs: number
  bytesPerSecond: number
  behaviours: readonly Behaviour[]
  seed: number
}

interface TrialResult {
  tookMs: number
  /** Undefined when the bytes were right. */
  wrong: string | undefined
  /** By the offender's behaviour. */
  badAnswers: [name: string, count: number][]
  honestSuspended: boolean
}

export const check: ReliabilityCheck = {
  row: 'R-04',
  title: `${BEHAVIOURS.length} hostile behaviours, 9 of 10 peers; ${STORING.length} of members that are to store; replayed records`,
  goal: '0 wrong bytes, all complete with one honest source, ≤ 3 × the honest run, offender ignored after ≤ 3 bad answers, no honest peer suspended; every copy with the honest within a day, nothing newer displaced',
  run,
}

async function run(options: ReliabilityOptions) {
  const random = new SeededRandom(options.seed)
  const contents = await publishSamples()
  const honestTimes = new Map<string, number>()
  const failures: string[] = []
  let trials = 0
  let slowest = 0
  let mostBad = 0
  for (const behaviour of BEHAVIOURS) {
    for (let round = 0; round < TRIALS_PER_BEHAVIOUR[options.scale]; round++) {
      options.signal.throwIfAborted()
      const trial = drawTrial(random, contents, behaviour, round)
      const where = `${behaviour.name}, seed ${options.seed}, round ${round}`
      const key = `${trial.content.name} ${trial.delayMs} ${trial.bytesPerSecond}`
      let honestMs = honestTimes.get(key)
      if (honestMs === undefined) {
        const honest = await play({ ...trial, behaviours: baselineOf(trial) })
        honestMs = honest.tookMs
        honestTimes.set(key, honestMs)
      }
      const result = await play(trial)
      trials++
      slowest = Math.max(slowest, result.tookMs / honestMs)
      for (const [name, count] of result.badAnswers) {
        mostBad = Math.max(mostBad, count)
        if (count > BAD_ANSWERS_MAX) failures.push(`${where}: “${name}” ${count} times`)
      }
      if (result.wrong !== undefined) failures.push(`${where}: ${result.wrong}`)
      if (result.tookMs > SLOWDOWN_MAX * honestMs)
        failures.push(`${where}: ${Math.round(result.tookMs)} ms, honest ${Math.round(honestMs)} ms`)
      if (result.honestSuspended) failures.push(`${where}: an honest peer was suspended`)
    }
    options.progress(`${behaviour.name}: ${trials} trials, ${failures.length} failures`)
  }
  const real = await playOnRealHosts(contents.at(-1) as HostileContent, options.signal)
  failures.push(...real.failures)
  const stored = await playStorers(options, failures)
  failures.push(...(await playReplay(options.seed)))
  const figure = `${trials} trials and ${real.trials} on real hosts of ${BEHAVIOURS.length} behaviours, ${stored} of ${STORING.length} of storing: ${failures.length} failures; at most ${slowest.toFixed(1)} × the honest run, ${mostBad} bad answers of one offender`
  return { figure, reached: failures.length === 0, failures: failures.slice(0, 50) }
}

async function playStorers(options: ReliabilityOptions, failures: string[]): Promise<number> {
  let trials = 0
  for (const storing of STORING) {
    for (let round = 0; round < SPACES_PER_STORING[options.scale]; round++) {
      options.signal.throwIfAborted()
      failures.push(...(await playStoring(storing, options.seed + round)))
      trials++
    }
    options.progress(`${storing}: ${failures.length} failures`)
  }
  return trials
}

function drawTrial(
  random: SeededRandom,
  contents: readonly HostileContent[],
  behaviour: Behaviour,
  round: number,
): Trial {
  const hostile: Behaviour[] = Array(PEERS - 1).fill(behaviour)
  // Every fourth time one of them is honest with a faulty disk, every eighth they are of all kinds.
  if (round % 4 === 3) hostile[0] = FAULTY_DISK
  if (round % 8 === 6)
    for (const place of hostile.keys())
      hostile[place] = BEHAVIOURS[random.integer(BEHAVIOURS.length)] as Behaviour
  const behaviours = [...hostile]
  behaviours.splice(random.integer(PEERS), 0, HONEST)
  return {
    content: contents[random.integer(contents.length)] as HostileContent,
    delayMs: [10, 20, 60][random.integer(3)] as number,
    bytesPerSecond: ([1, 4][random.integer(2)] as number) * 2 ** 20,
    behaviours,
    seed: random.integer(2 ** 31),
  }
}

/** The same peers, and those that would be hostile honestly have nothing. */
function baselineOf({ behaviours }: Trial): Behaviour[] {
  return behaviours.map((behaviour) => (behaviour === HONEST ? HONEST : HAS_NOTHING))
}

async function play(trial: Trial): Promise<TrialResult> {
  const clock = new VirtualClock()
  const space = new TestSpace({ clock, seed: trial.seed })
  const metrics = createMetrics({ processMetrics: false })
  const reputation = new Reputation({ clock, store: forgetfulReputationStore, log: silentLogger, metrics })
  const badAnswers = new Map<PeerId, number>()
  const seen = (peer: PeerId, id: ContentId) => {
    const behaviour = hostile.get(peer)
    if (behaviour === undefined || (behaviour.onlyManifest && id !== trial.content.id)) return
    badAnswers.set(peer, (badAnswers.get(peer) ?? 0) + 1)
  }
  const guards = { reputation, clock, metrics, log: silentLogger }
  const reader = await space.addNode({
    stores: false,
    reputation,
    wrapNetwork: (inner) => {
      const limits = new RateLimits({ clock })
      const bandwidth = new Bandwidth({ clock })
      return watched(createGuardedNetwork(inner, { ...guards, limits, bandwidth }), clock, seen)
    },
  })
  const hostile = new Map<PeerId, Behaviour>()
  const honest: PeerId[] = []
  for (const behaviour of trial.behaviours) {
    const factsOf = (id: ContentId): Omit<Asked, 'id' | 'offset'> | undefined => {
      const bytes = trial.content.chunks.get(id)
      return bytes && { ...trial.content, bytes, isManifest: id === trial.content.id, clock }
    }
    const network = await space.addSpeaker(behave(behaviour, factsOf))
    if (behaviour === HONEST || behaviour === FAULTY_DISK) honest.push(network.peerId)
    else hostile.set(network.peerId, behaviour)
  }
  space.hub.setAllLinks({ delayMs: trial.delayMs, bytesPerSecond: trial.bytesPerSecond })
  const startedAt = clock.monotonic()
  const wrong = await drive(clock, readWhole(reader, trial.content))
  const tookMs = clock.monotonic() - startedAt
  const honestSuspended = honest.some((peer) => reputation.isSuspended(peer))
  const stopping = space.stop()
  await drive(
    clock,
    stopping.then(() => undefined),
  )
  return {
    tookMs,
    wrong,
    badAnswers: [...badAnswers].map(([peer, count]) => [hostile.get(peer)?.name ?? '', count]),
    honestSuspended,
  }
}

/** The reader's network; `seen` hears of every answer about a chunk that the reader did not give up at once. */
function watched(inner: Network, clock: Clock, seen: (peer: PeerId, id: ContentId) => void): Network {
  const request: Network['request'] = async function* (peer, protocol, frames, options = {}) {
    const startedAt = clock.monotonic()
    const [first] = Array.isArray(frames) ? (frames as Uint8Array[]) : []
    const asked =
      protocol === DDS_PROTOCOL && first !== undefined ? decodeRequest(first).retrieveChunk : undefined
    try {
      yield* inner.request(peer, protocol, frames, options)
    } finally {
      const kept = options.signal?.aborted !== true || clock.monotonic() - startedAt >= PATIENCE_MS
      if (asked !== undefined && kept) seen(peer, contentIdFromDigest(asked.chunkCid))
    }
  }
  return { ...inner, request }
}

async function readWhole(
  reader: Awaited<ReturnType<TestSpace['addNode']>>,
  content: HostileContent,
): Promise<string | undefined> {
  try {
    const { bytes } = await reader.content.retrieve(content.id, { timeoutMs: 30_000 })
    const whole = Buffer.concat(await Array.fromAsync(bytes))
    return whole.equals(content.whole) ? undefined : 'wrong bytes were handed out'
  } catch (error) {
    return `not complete: ${isKizunaError(error) ? error.code : error}`
  }
}

/** Lets virtual time pass until `work` is done. */
async function drive<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result | string> {
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  ended.catch(() => {})
  const endAt = clock.monotonic() + TRIAL_MS_MAX
  for (;;) {
    await setImmediate()
    if (done) return ended
    if (clock.monotonic() > endAt) return `not done after ${TRIAL_MS_MAX} ms`
    clock.fireNext()
  }
}
