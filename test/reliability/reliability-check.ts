/**
 * What a program of this folder says of itself. One file per row of the reliability table, each exporting
 * `check`; `npm run reliability` finds them by their file name (`r-04-hostile-answers.ts`), runs each in a
 * process of its own and prints the table.
 */
export interface ReliabilityCheck {
  /** The row it proves, for example `R-04`. */
  row: string
  /** What is tried, in a few words. */
  title: string
  /** What has to be reached, in figures. */
  goal: string
  /** Needs both cores to itself, because it measures time or memory. @default false */
  alone?: boolean
  /** Why it cannot run on this machine, or undefined when it can. Said aloud; never a pass. */
  missing?: () => string | undefined
  run: (options: ReliabilityOptions) => Promise<ReliabilityFigure>
}

/** How much is tried: seconds for each commit, minutes to an hour for each night, the whole goal before a release. */
export type ReliabilityScale = 'gate' | 'night' | 'release'

export interface ReliabilityOptions {
  scale: ReliabilityScale
  /** Everything random is derived from it, so that a failure can be seen again. */
  seed: number
  signal: AbortSignal
  /** Told in a line now and then how far it is. */
  progress: (line: string) => void
}

export interface ReliabilityFigure {
  /** What was reached, in the goal's own terms, with how much was tried. */
  figure: string
  /** Whether the goal held for what was tried. */
  reached: boolean
  /** Too little was tried to tell. Then `reached` only says that nothing spoke against the goal. */
  undecided?: boolean
  /** What failed, one line each, with the seed that shows it again. */
  failures: readonly string[]
}
