import type { FormView, View } from './view.ts'

/** Where an answer goes. Each way of asking has its own; whoever answers does not know which. */
export interface Answer {
  /** Says at once that the answer takes a while. May be called again. @throws what Discord refused it for */
  defer(confidential: boolean): Promise<void>
  /** Shows how far it is, when it was deferred. Never throws. */
  progress(view: View): Promise<void>
  /** The answer. Never throws: what cannot be delivered is logged. */
  finish(view: View): Promise<void>
  /** The reason why there is none; for the asker alone where that is possible. Never throws. */
  fail(view: View): Promise<void>
}

/** An answer that can also be a form, as long as nothing else was said. */
export interface FormAnswer extends Answer {
  ask(form: FormView): Promise<void>
}
