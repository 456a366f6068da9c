/** What an answer says, before it is a message: plain data, so that most of the bot can be looked at without Discord. */
export interface View {
  /** `note`: a sentence or two. `card`: framed, with facts and buttons. */
  kind: 'note' | 'card'
  tone: 'plain' | 'good' | 'warning' | 'bad'
  title?: string
  /** Markdown; strangers' words in it went through `safeText` or `code`. */
  text?: string
  facts?: readonly ViewFact[]
  /** Markdown lines under everything else, such as the entries of a list. */
  lines?: readonly string[]
  controls?: readonly (readonly ViewControl[])[]
  files?: readonly ViewFile[]
  /** Only the asker may see it. */
  confidential?: boolean
}

/** A short label and its value, both markdown. */
export interface ViewFact {
  label: string
  value: string
}

/** A file that goes with an answer. */
export interface ViewFile {
  name: string
  bytes: Uint8Array
}

/** A row has up to five buttons or one menu. */
export type ViewControl =
  | { kind: 'button'; id: string; label: string; style: 'main' | 'plain' | 'danger'; disabled?: boolean }
  | { kind: 'link'; url: string; label: string }
  | {
      kind: 'choice'
      id: string
      placeholder: string
      options: readonly { label: string; value: string; description?: string; chosen?: boolean }[]
      least?: number
      most?: number
    }
  | { kind: 'roles' | 'channel'; id: string; placeholder: string; chosen: readonly string[]; most: number }

/** A form with up to five fields. */
export interface FormView {
  id: string
  title: string
  fields: readonly FormField[]
}

/** A field of a form. */
export interface FormField {
  id: string
  label: string
  hint?: string
  long: boolean
  required: boolean
  lengthMax: number
  value?: string
}
