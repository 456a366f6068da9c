import type { Clock } from '../../core/clock.ts'
import type { NodeConnection } from './node-connection.ts'
import type { Option } from './options.ts'
import type { ProgressBar } from './progress-bar.ts'
import type { Terminal } from './terminal.ts'

/** What an action works with. */
export interface ActionParts {
  node: NodeConnection
  clock: Clock
  terminal: Terminal
  /** None with `--json`. */
  bar: ProgressBar | undefined
  signal: AbortSignal
  /** Where downloads without a named output go. */
  downloadFolder: string
}

/** What came of it: data for `--json`, text for people; no data when the bytes themselves were the answer. */
export interface ActionResult {
  data: unknown
  text: string
}

/** What the CLI does around a command that touches files of the person who typed it. */
export interface CliAction {
  /** Flags besides those of the command's input. */
  options: readonly Option[]
  run(parts: ActionParts, values: Record<string, unknown>): Promise<ActionResult>
}
