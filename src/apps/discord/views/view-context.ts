import type { ViewControl } from '../answers/view.ts'
import type { Control, ControlIds } from '../control-id.ts'
import type { Say } from '../words/say.ts'

/** What a view is made with, besides the result. */
export interface ViewContext {
  say: Say
  controls: ControlIds
  /** The asker. */
  user: string
  /** A command as people can click it, or its name. */
  mention: (command: string) => string
}

/** A button, or nothing when its id would be too long. */
export function button(
  { controls }: ViewContext,
  control: Control,
  label: string,
  style: 'main' | 'plain' | 'danger' = 'plain',
): ViewControl[] {
  const id = controls.make(control)
  return id === undefined ? [] : [{ kind: 'button', id, label, style }]
}
