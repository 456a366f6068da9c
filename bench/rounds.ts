import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sha256OfFile } from '../test/fixtures/sample-file.ts'
import { ContenderProcess } from './contender-process.ts'
import type { Contender } from './contenders.ts'
import { WarmMemory } from './warm-memory.ts'

/** A file to be moved or taken in. */
export interface Sample {
  file: string
  sizeBytes: number
  sha256: string
}

/** What a contender reached over all rounds. */
export interface Standing {
  name: string
  /** Where the bytes were at the end, when that differs among those compared. */
  endsIn?: string
  /** Bytes a second, one for each round. */
  speeds: number[]
  /** Why there is none. */
  reason: string | undefined
}

/** One contender's go at it; the seconds it took. Throws with the reason when it fails. */
export type Attempt = (contender: Contender, sample: Sample, folder: string) => Promise<number>

/**
 * Runs the contenders one after the other, and all of that `rounds` times, so that what disturbs the machine
 * disturbs them alike. A contender that fails is left out of the later rounds and says why.
 */
export async function runRounds(
  contenders: readonly Contender[],
  attempt: Attempt,
  options: { sample: Sample; folder: string; rounds: number; tell: (line: string) => void },
): Promise<Standing[]> {
  const standings = contenders.map(
    ({ name, endsIn, missing }): Standing => ({
      name,
      ...(endsIn === undefined ? {} : { endsIn }),
      speeds: [],
      reason: missing?.(),
    }),
  )
  for (let round = 1; round <= options.rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const standing = standings[index]
      if (standing === undefined || standing.reason !== undefined) continue
      const folder = mkdtempSync(join(options.folder, 'round-'))
      try {
        const seconds = await attempt(contender, options.sample, folder)
        standing.speeds.push(options.sample.sizeBytes / seconds)
        options.tell(`round ${round}: ${contender.name}, ${megabytes(options.sample.sizeBytes / seconds)}`)
      } catch (error) {
        standing.reason = error instanceof Error ? error.message : String(error)
        options.tell(`round ${round}: ${contender.name} failed: ${standing.reason}`)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }
  }
  return standings
}

/** From a source process to a receiving one; what arrived is compared with what was sent, where it is stored. */
export async function transfer(contender: Contender, sample: Sample, folder: string): Promise<number> {
  const [here, there, target] = ['source', 'receiver', 'target'].map((name) => join(folder, name))
  for (const made of [here, there, target]) mkdirSync(made as string)
  const output = join(target as string, basename(sample.file))
  const memory = new WarmMemory(folder, sample.sizeBytes)
  const source = new ContenderProcess(contender.command, ['seed', sample.file, here as string])
  let receiver: ContenderProcess | undefined
  try {
    const where = String(await source.said('where'))
    receiver = new ContenderProcess(contender.command, [contender.role, where, output, there as string])
    await receiver.ready()
    memory.release()
    const seconds = await receiver.work()
    if (contender.endsIn === 'the store') {
      // What it kept is written out for the comparison when nobody else could give it.
      await source.end()
      await receiver.work()
    }
    if (contender.endsIn !== 'nothing' && (await sha256OfFile(output)) !== sample.sha256)
      throw new Error('The bytes are not the same.')
    return seconds
  } finally {
    await Promise.all([source.end(), receiver?.end()])
  }
}

/** In one process: the file is taken in, so that others could fetch it. */
export async function publish(contender: Contender, sample: Sample, folder: string): Promise<number> {
  const memory = new WarmMemory(folder, sample.sizeBytes)
  const one = new ContenderProcess(contender.command, [contender.role, sample.file, folder])
  try {
    await one.ready()
    memory.release()
    return await one.work()
  } finally {
    await one.end()
  }
}

/** The middle one of several figures; NaN of none. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((one, other) => one - other)
  const upper = sorted[sorted.length >> 1] ?? Number.NaN
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN
  return (upper + lower) / 2
}

/** Bytes a second in MB/s, 10^6 bytes. */
export function megabytes(bytesPerSecond: number): string {
  const figure = bytesPerSecond / 1e6
  return `${figure.toFixed(figure < 10 ? 1 : 0)} MB/s`
}
