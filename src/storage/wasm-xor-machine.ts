import { WINDOW_BYTES, type XorMachine } from './xor-machine.ts'
import { encodeXorModule } from './xor-program-wasm.ts'

const PAGE_BYTES = 64 * 1024

/** WebAssembly as far as it is used here; Node's types for TypeScript do not describe it. */
interface WasmGlobal {
  Memory: new (options: { initial: number; maximum: number }) => { buffer: ArrayBuffer }
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: Record<string, (blocks: number) => void> }
}

/**
 * A machine that compiles each program to WebAssembly with 128-bit SIMD.
 * Undefined where that is not to be had (switched off, or a processor without SIMD).
 */
export function createWasmXorMachine(): XorMachine | undefined {
  const wasm = (globalThis as { WebAssembly?: WasmGlobal }).WebAssembly
  if (wasm === undefined) return undefined
  const pages = WINDOW_BYTES / PAGE_BYTES
  const memory = new wasm.Memory({ initial: pages, maximum: pages })
  const machine: XorMachine = {
    window: new Uint8Array(memory.buffer),
    compile(program, strideBytes) {
      const module = new wasm.Module(encodeXorModule(program, strideBytes))
      const functions = Object.values(new wasm.Instance(module, { kizuna: { memory } }).exports)
      return (blocks) => {
        for (const run of functions) run(blocks)
      }
    },
  }
  try {
    machine.compile({ inputs: 1, temporaries: [], outputs: [[0]] }, 128)
    return machine
  } catch {
    return undefined
  }
}
