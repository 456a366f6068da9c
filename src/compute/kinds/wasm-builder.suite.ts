/** Writes small WebAssembly modules by hand, good and bad ones. */

const I32 = 0x7f

/** What a module under test is like. */
export interface ModuleShape {
  /** Pages of 64 KiB: initial and maximum; undefined leaves the maximum out. */
  memory?: { initial: number; maximum: number | undefined } | undefined
  imports?: boolean
  tableMaximum?: number
  /** Instructions of `run(length) -> code`; @default turns every byte over and gives them back */
  run?: readonly number[]
  /** Names of the exported functions. @default those of the interface */
  names?: readonly string[]
}

const INPUT_AT = 1_024
/** `for (i = 0; i < length; i++) memory[INPUT_AT + i] ^= 255; return 0` */
const TURN_OVER = [
  0x02, 0x40, 0x03, 0x40, 0x20, 0x01, 0x20, 0x00, 0x4f, 0x0d, 0x01, 0x20, 0x01, 0x20, 0x01, 0x2d, 0x00, 0x80,
  0x08, 0x41, 0xff, 0x01, 0x73, 0x3a, 0x00, 0x80, 0x08, 0x20, 0x01, 0x41, 0x01, 0x6a, 0x21, 0x01, 0x0c, 0x00,
  0x0b, 0x0b, 0x20, 0x00, 0x24, 0x00, 0x41, 0x00,
]
/** `for (;;) {}` */
export const FOR_EVER = [0x03, 0x40, 0x0c, 0x00, 0x0b, 0x41, 0x00]
/** `unreachable` */
export const BREAK = [0x00, 0x41, 0x00]
/** Grows the memory by 1,000 pages; 0 when that was refused, as it must be. */
export const GROW = [0x41, 0xe8, 0x07, 0x40, 0x00, 0x41, 0x7f, 0x47]

/** The module's bytes. */
export function buildModule(shape: ModuleShape = {}): Uint8Array<ArrayBuffer> {
  const { memory = { initial: 1, maximum: 2 }, run = TURN_OVER } = shape
  const names = shape.names ?? ['input', 'run', 'output', 'output_length']
  const maximum = memory.maximum
  const limits =
    maximum === undefined ? [0, ...leb(memory.initial)] : [1, ...leb(memory.initial), ...leb(maximum)]
  const imported = shape.imports === true ? 1 : 0
  const bodies = [
    [0, 0x41, ...sleb(INPUT_AT), 0x0b],
    [1, 1, I32, ...run, 0x0b],
    [0, 0x41, ...sleb(INPUT_AT), 0x0b],
    [0, 0x23, 0, 0x0b],
  ]
  const exported = [
    ...names.map((name, index) => [...text(name), 0, index + imported]),
    [...text('memory'), 2, 0],
  ]
  const { tableMaximum } = shape
  return Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(
      1,
      list([
        [0x60, 1, I32, 1, I32],
        [0x60, 0, 1, I32],
      ]),
    ),
    ...(imported === 1 ? section(2, list([[...text('env'), ...text('log'), 0, 0]])) : []),
    ...section(3, [4, 0, 0, 1, 1]),
    ...(tableMaximum === undefined ? [] : section(4, [1, 0x70, 1, 0, ...leb(tableMaximum)])),
    ...section(5, [1, ...limits]),
    ...section(6, [1, I32, 1, 0x41, 0, 0x0b]),
    ...section(7, list(exported)),
    ...section(10, list(bodies.map((body) => [...leb(body.length), ...body]))),
  ])
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content]
}

function list(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()]
}

function text(word: string): number[] {
  return [...leb(word.length), ...Buffer.from(word)]
}

function leb(value: number): number[] {
  const low = value & 0x7f
  return value < 0x80 ? [low] : [low | 0x80, ...leb(Math.floor(value / 0x80))]
}

function sleb(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...sleb(value >> 7)]
}

/** Counts down from two thousand million, so often: seconds of work, then gives its input back. */
export function counting(times: number): number[] {
  const once = [
    0x41,
    ...sleb(2_000_000_000),
    0x21,
    0x01,
    0x03,
    0x40,
    0x20,
    0x01,
    0x41,
    0x01,
    0x6b,
    0x22,
    0x01,
    0x0d,
    0x00,
    0x0b,
  ]
  return [...Array.from({ length: times }, () => once).flat(), 0x20, 0x00, 0x24, 0x00, 0x41, 0x00]
}
