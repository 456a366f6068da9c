import { inspect } from 'node:util'

/** What stands in the place of a secret wherever it is shown. */
export const SECRET_SHOWN = '[secret]'

/**
 * A value that may be used and never shown: printed, logged, put into JSON or looked at in a crash it says `[secret]`.
 * A log line with one fails the type check ({@link WithoutSecrets}).
 */
export class Secret<Value> {
  readonly #value: Value

  constructor(value: Value) {
    this.#value = value
  }

  /** The value itself, for the one who has to use it; do not keep it longer than that. */
  reveal(): Value {
    return this.#value
  }

  toString(): string {
    return SECRET_SHOWN
  }

  toJSON(): string {
    return SECRET_SHOWN
  }

  [inspect.custom](): string {
    return SECRET_SHOWN
  }
}

/** Names under which nothing is ever logged. */
type SecretName = 'token' | 'seed' | 'secret' | 'passphrase' | 'password' | 'authorization' | 'cookie'

/** A type that is a secret, or holds one where a log line would show it: a signing key holds its seed. */
type Holding = Secret<unknown> | { readonly seed: Uint8Array } | { readonly secret: Uint8Array }

/**
 * `Fields`, with every secret in it turned into `never`, so that no value fits there. `unknown` and `any` pass: what
 * nobody knows the type of is left to the logger's own look at field names.
 */
export type WithoutSecrets<Fields> = {
  readonly [Name in keyof Fields]: Name extends SecretName
    ? never
    : unknown extends Fields[Name]
      ? Fields[Name]
      : Extract<Fields[Name], Holding | readonly Holding[]> extends never
        ? Fields[Name]
        : never
}
