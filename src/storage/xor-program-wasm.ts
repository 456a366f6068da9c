import { SHARD_ALIGNMENT_BYTES } from './erasure-code.ts'
import { PLANES, type XorProgram } from './xor-program.ts'

const PLANE_BYTES = SHARD_ALIGNMENT_BYTES / PLANES
/** A program without temporaries is cut into functions of about this many XORs, which compile in reasonable time. */
const FUNCTION_XORS_MAX = 4000

/** Opcodes and types of WebAssembly 2.0 (https://webassembly.github.io/spec/core/binary). */
const OP = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  simd: 0xfd,
} as const
const SIMD_LOAD = 0x00
const SIMD_STORE = 0x0b
const SIMD_XOR = 0x51
const TYPE = { i32: 0x7f, v128: 0x7b, function: 0x60, emptyBlock: 0x40 } as const
const EXPORT = { function: 0x00 } as const
const IMPORT = { memory: 0x02 } as const
/** Limits of the imported memory: at least and at most so many pages, and shared with other threads. */
const SHARED_WITH_MAXIMUM = 0x03
/** As many pages of 64 KiB as an address of 32 bits reaches: memory of any size may be imported. */
const PAGES_MAX = 65_536
/** log2 of the alignment of 16 bytes. */
const ALIGNMENT = 4
const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/** Local variables of every function: how many blocks are left, where in a slice it stands; then the temporaries. */
const BLOCKS = 0
const AT = 1
const FIRST_TEMPORARY = 2

/**
 * A module that imports `kizuna.memory`, which is shared, and exports functions of one argument, the number of blocks (at least 1).
 * Called one after the other they run the program over slices that begin at 0, `strideBytes`, 2 × `strideBytes`, …
 *
 * Within a function a block is straight-line code: operands of shards are loaded where they are needed, at a constant
 * offset from one moving address, and temporaries are local variables, which the compiler keeps in registers.
 */
export function encodeXorModule(program: XorProgram, strideBytes: number): Uint8Array {
  const groups = groupOutputs(program)
  const bodies = groups.map((group) => encodeFunction(program, group, strideBytes))
  return Uint8Array.from([
    ...MAGIC_AND_VERSION,
    ...section(1, [[TYPE.function, 1, TYPE.i32, 0]]),
    ...section(2, [
      [...text('kizuna'), ...text('memory'), IMPORT.memory, SHARED_WITH_MAXIMUM, 1, ...unsigned(PAGES_MAX)],
    ]),
    ...section(
      3,
      bodies.map(() => [0]),
    ),
    ...section(
      7,
      bodies.map((_, index) => [...text(`run${index}`), EXPORT.function, ...unsigned(index)]),
    ),
    ...sectionHeader(10, bodies),
    ...bodies.flat(),
  ])
}

/** The outputs from `first` up to `end`, computed by one function. */
interface OutputGroup {
  first: number
  end: number
}

function groupOutputs(program: XorProgram): OutputGroup[] {
  const all = { first: 0, end: program.outputs.length }
  if (program.temporaries.length > 0) return [all]
  const groups: OutputGroup[] = []
  let group = { first: 0, end: 0 }
  let xors = 0
  for (const operands of program.outputs) {
    if (xors > 0 && xors + operands.length > FUNCTION_XORS_MAX) {
      groups.push(group)
      group = { first: group.end, end: group.end }
      xors = 0
    }
    group.end += 1
    xors += operands.length
  }
  return [...groups, group]
}

function encodeFunction(program: XorProgram, group: OutputGroup, strideBytes: number): number[] {
  const inputPlanes = program.inputs * PLANES
  const offsetOf = (plane: number) =>
    Math.floor(plane / PLANES) * strideBytes + (plane % PLANES) * PLANE_BYTES
  const code: number[] = []
  const emit = (...bytes: readonly number[]) => {
    for (const byte of bytes) code.push(byte)
  }
  const push = (operand: number) => {
    if (operand >= inputPlanes) emit(OP.localGet, ...unsigned(FIRST_TEMPORARY + operand - inputPlanes))
    else emit(OP.localGet, AT, OP.simd, SIMD_LOAD, ALIGNMENT, ...unsigned(offsetOf(operand)))
  }
  emit(OP.loop, TYPE.emptyBlock)
  for (const [index, [one, other]] of program.temporaries.entries()) {
    push(one)
    push(other)
    emit(OP.simd, SIMD_XOR, OP.localSet, ...unsigned(FIRST_TEMPORARY + index))
  }
  for (let output = group.first; output < group.end; output++) {
    emit(OP.localGet, AT)
    for (const [index, operand] of (program.outputs[output] as readonly number[]).entries()) {
      push(operand)
      if (index > 0) emit(OP.simd, SIMD_XOR)
    }
    emit(OP.simd, SIMD_STORE, ALIGNMENT, ...unsigned(offsetOf(inputPlanes + output)))
  }
  // A signed number by the format; 128 is written the same either way.
  emit(OP.localGet, AT, OP.i32Const, ...unsigned(SHARD_ALIGNMENT_BYTES), OP.i32Add, OP.localSet, AT)
  emit(OP.localGet, BLOCKS, OP.i32Const, 1, OP.i32Sub, OP.localTee, BLOCKS)
  emit(OP.branchIf, 0, OP.end, OP.end)
  const locals = [
    [1, TYPE.i32],
    [...unsigned(program.temporaries.length), TYPE.v128],
  ]
  const header = [...unsigned(locals.length), ...locals.flat()]
  return [...unsigned(header.length + code.length), ...header, ...code]
}

function section(id: number, entries: readonly number[][]): number[] {
  return [...sectionHeader(id, entries), ...entries.flat()]
}

function sectionHeader(id: number, entries: readonly number[][]): number[] {
  const count = unsigned(entries.length)
  const length = entries.reduce((sum, entry) => sum + entry.length, count.length)
  return [id, ...unsigned(length), ...count]
}

function text(value: string): number[] {
  return [value.length, ...Buffer.from(value, 'ascii')]
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return bytes
}
