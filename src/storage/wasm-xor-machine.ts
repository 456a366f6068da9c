import { WINDOW_BYTES, type XorMachine, type XorMemory } from './xor-machine.ts'
import type { XorProgram } from './xor-program.ts'
import { encodeXorModule } from './xor-program-wasm.ts'

const PAGE_BYTES = 64 * 1024

/** WebAssembly as far as it is used here; Node's types for TypeScript do not describe it. */
interface WasmGlobal {
  Memory: new (options: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer }
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: Record<string, (blocks: number) => void> }
}

/**
 * A machine that compiles each program to WebAssembly with 128-bit SIMD. Its memory is shared: other threads can
 * hash and write what lies there.
 * Undefined where that is not to be had (switched off, or a processor without SIMD).
 */
export function createWasmXorMachine(): XorMachine | undefined {
  const wasm = (globalThis as { WebAssembly?: WasmGlobal }).WebAssembly
  if (wasm === undefined) return undefined
  // Compiling takes milliseconds, and the same program is wanted in one memory after the other.
  const compiled = new WeakMap<XorProgram, Map<number, object>>()
  const moduleOf = (program: XorProgram, strideBytes: number): object => {
    const byStride = compiled.get(program) ?? new Map<number, object>()
    const module = byStride.get(strideBytes) ?? new wasm.Module(encodeXorModule(program, strideBytes))
    compiled.set(program, byStride.set(strideBytes, module))
    return module
  }
  const allocate = (sizeBytes: number): XorMemory => {
    const pages = Math.ceil(sizeBytes / PAGE_BYTES)
    const memory = new wasm.Memory({ initial: pages, maximum: pages, shared: true })
    return {
      bytes: new Uint8Array(memory.buffer),
      prepare(program, strideBytes) {
        const instance = new wasm.Instance(moduleOf(program, strideBytes), { kizuna: { memory } })
        const functions = Object.values(instance.exports)
        return (blocks) => {
          for (const run of functions) run(blocks)
        }
      },
    }
  }
  try {
    const window = allocate(WINDOW_BYTES)
    window.prepare({ inputs: 1, temporaries: [], outputs: [[0]] }, 128)
    return { window, allocate }
  } catch {
    return undefined
  }
}
