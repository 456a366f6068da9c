/** A parser of bytes or text from outside, as the fuzzer sees it. */
export interface FuzzTarget {
  /** Also the name of its folder in the corpus. */
  name: string
  /** Good inputs, from which bad ones are made. */
  seeds: readonly Uint8Array[]
  /**
   * Feeds the parser. Refusing is fine, with a typed error; anything else that is thrown is a find. Throws a
   * `FuzzFinding` itself when what was read breaks a promise, for example does not give the same bytes again.
   */
  run: (input: Uint8Array) => unknown
  /** Slow ones are tried less often at the gate: this share of the others' number. @default 1 */
  share?: number
  /** Names of errors besides `KizunaError` that say “refused” inside the folder of the parser. */
  refusals?: readonly string[]
}

/** A promise that a parser broke. */
export class FuzzFinding extends Error {
  override name = 'FuzzFinding'
}

/** Texts as inputs. */
export function texts(...all: readonly string[]): Uint8Array[] {
  return all.map((text) => Buffer.from(text))
}

/** An input as text, as it would come out of a request or a terminal. */
export function textOf(input: Uint8Array): string {
  return Buffer.from(input).toString('utf8')
}

/** @throws FuzzFinding when two values that must be equal are not. */
export function mustEqual(what: string, a: unknown, b: unknown): void {
  const same = a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b
  if (!same) throw new FuzzFinding(what)
}
