/**
 * members that dropped what was placed with them (and make up answers, admit it, are silent, or fetch it when
 * asked), members that answer late, and an honest one whose disk fails for two hours; a day of virtual time in spaces
 * whose publisher has left, over the memory network with the production modules and default settings.
 */
import { type AuditedMember, AuditWorld, type Dishonesty } from '../../src/content/audit-honesty.suite.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'

const HOUR_MS = 3_600_000
const DAY_HOURS = 24
/** The honest member's disk fails from here on, … */
const OUTAGE_FROM_HOUR = 4
const OUTAGE_HOURS = 2
/** A quiet member's traffic in a day, against which that of audits is held: 12 kB/s. */
const TRAFFIC_BYTES_PER_DAY = 2 ** 30
/** With a space of so many honest members, one of them unlucky. */
const HONEST = 5
/** Those without data must be found; late ones need not, and those that fetch are found when nobody else has it. */
const DATALESS: readonly Dishonesty[] = ['invents', 'admits', 'silent']
const SPACES = { gate: 1, night: 12, release: 80 } as const
const OBJECTS = 4

interface Sums {
  pairs: number
  found: number
  foundAfterHours: number[]
  honestPairs: number
  honestSuspended: number
  outages: number
  recovered: number
  recoveredAfterHours: number[]
  late: { suspended: number; pairs: number }
  proxies: { suspended: number; pairs: number }
  auditBytes: number
  memberDays: number
}

export const check: ReliabilityCheck = {
  row: 'R-25',
  title: 'audits: members without data, late ones, ones that fetch when asked, and a two-hour disk fault',
  goal: 'data-less member found with ≥ 99.9 % within 24 h at ≤ 0.1 % traffic; 0 honest members out for good',
  async run(options) {
    const sums = noSums()
    const failures: string[] = []
    for (let number = 0; number < SPACES[options.scale]; number++) {
      options.signal.throwIfAborted()
      await liveADay(options.seed + number, sums, failures, options)
      options.progress(`space ${number + 1}: ${sums.found} of ${sums.pairs} found`)
    }
    const share = sums.found / sums.pairs
    const bytesPerDay = sums.auditBytes / sums.memberDays
    const trafficShare = bytesPerDay / TRAFFIC_BYTES_PER_DAY
    const reached =
      share >= 0.999 && trafficShare <= 0.001 && sums.honestSuspended === 0 && sums.recovered === sums.outages
    return {
      figure:
        `${sums.found} of ${sums.pairs} (auditor, data-less member) pairs found in 24 h, the last after ` +
        `${hours(sums.foundAfterHours)} h; ${Math.round(bytesPerDay / 1024)} KiB of audits per member and day, ` +
        `${(trafficShare * 100).toFixed(3)} % of 1 GiB; ${sums.honestSuspended} of ${sums.honestPairs} honest ` +
        `verdicts wrong at the end; ${sums.recovered} of ${sums.outages} two-hour outages recovered, the last after ` +
        `${hours(sums.recoveredAfterHours)} h. Not part of the goal: ` +
        `late members suspended by ${sums.late.suspended} of ${sums.late.pairs}, fetching ones by ` +
        `${sums.proxies.suspended} of ${sums.proxies.pairs}`,
      reached: reached && failures.length === 0,
      failures,
    }
  },
}

async function liveADay(
  seed: number,
  sums: Sums,
  failures: string[],
  { signal }: ReliabilityOptions,
): Promise<void> {
  // Audits as by default; what else goes on is made rarer than it is, so that a day passes in seconds.
  const world = new AuditWorld({
    seed,
    content: { holdingsIntervalMs: HOUR_MS, repairIntervalMs: HOUR_MS / 4 },
  })
  const dishonest: Dishonesty[] = [...DATALESS, 'late', 'proxies']
  const honest = Array.from({ length: HONEST }, () => undefined)
  await world.start([...honest, ...dishonest], OBJECTS)
  const startedWith = await world.auditBytes()
  const unlucky = world.honest[0] as AuditedMember
  const others = world.honest.slice(1)
  const dataless = world.members.filter(({ dishonesty }) => DATALESS.includes(dishonesty ?? 'late'))
  const foundAt = new Map<string, number>()
  let recoveredAt: number | undefined
  for (let hour = 0; hour < DAY_HOURS; hour++) {
    signal.throwIfAborted()
    if (hour === OUTAGE_FROM_HOUR) {
      unlucky.disk.fail({ operation: 'read', code: 'EIO', count: Number.POSITIVE_INFINITY })
    }
    if (hour === OUTAGE_FROM_HOUR + OUTAGE_HOURS) unlucky.disk.heal()
    await world.clock.advance(HOUR_MS)
    for (const auditor of world.honest) {
      for (const member of dataless) {
        const pair = `${auditor.node.peer} ${member.node.peer}`
        if (world.suspends(auditor, member) && !foundAt.has(pair)) foundAt.set(pair, hour + 1)
      }
    }
    const isBack = others.every((auditor) => !world.suspends(auditor, unlucky))
    if (hour >= OUTAGE_FROM_HOUR + OUTAGE_HOURS && isBack)
      recoveredAt ??= hour + 1 - OUTAGE_FROM_HOUR - OUTAGE_HOURS
  }
  sums.pairs += world.honest.length * dataless.length
  sums.found += foundAt.size
  sums.foundAfterHours.push(...foundAt.values())
  sums.outages++
  if (recoveredAt !== undefined) {
    sums.recovered++
    sums.recoveredAfterHours.push(recoveredAt)
  } else failures.push(`seed ${seed}: the member with the two-hour outage is still out after a day`)
  countVerdicts(world, sums, failures, seed)
  sums.auditBytes += (await world.auditBytes()) - startedWith
  sums.memberDays += world.members.length
  await world.stop()
}

function countVerdicts(world: AuditWorld, sums: Sums, failures: string[], seed: number): void {
  for (const auditor of world.honest) {
    for (const member of world.members) {
      if (member === auditor) continue
      const isSuspended = world.suspends(auditor, member)
      if (member.dishonesty === undefined) {
        sums.honestPairs++
        if (isSuspended) {
          sums.honestSuspended++
          failures.push(`seed ${seed}: an honest member is suspended at the end of the day`)
        }
      }
      const tally = { late: sums.late, proxies: sums.proxies }[member.dishonesty as 'late' | 'proxies']
      if (tally === undefined) continue
      tally.pairs++
      if (isSuspended) tally.suspended++
    }
  }
}

function hours(all: readonly number[]): string {
  return all.length === 0 ? '–' : String(Math.max(...all))
}

function noSums(): Sums {
  return {
    pairs: 0,
    found: 0,
    foundAfterHours: [],
    honestPairs: 0,
    honestSuspended: 0,
    outages: 0,
    recovered: 0,
    recoveredAfterHours: [],
    late: { suspended: 0, pairs: 0 },
    proxies: { suspended: 0, pairs: 0 },
    auditBytes: 0,
    memberDays: 0,
  }
}
