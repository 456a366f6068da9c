/**
 * Runs an import-free WebAssembly module on an input: a thread of its own (`run-in-thread.ts`). How input and output
 * pass is described in docs/using/tasks.md.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { refuseModule } from './wasm-module.ts'

const { module, input, memoryBytesMax, outputBytesMax } = workerData as {
  module: Uint8Array<ArrayBuffer>
  input: Uint8Array
  memoryBytesMax: number
  outputBytesMax: number
}

/** WebAssembly as far as it is used here; Node's types do not describe it. */
interface Wasm {
  Module: { new (bytes: Uint8Array): object; imports(module: object): unknown[] }
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> }
  Memory: new (options: object) => { buffer: ArrayBuffer }
}

const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly

type Answer = { ok: true; result: Uint8Array } | { ok: false; reason: string }

function run(): Answer {
  const wrong = refuseModule(module, memoryBytesMax)
  if (wrong !== undefined) return { ok: false, reason: wrong }
  const compiled = new wasm.Module(module)
  if (wasm.Module.imports(compiled).length > 0) return { ok: false, reason: 'the module imports something' }
  const { exports } = new wasm.Instance(compiled, {})
  const { memory, input: place, run: work, output, output_length: length } = exports
  if (!(memory instanceof wasm.Memory)) return { ok: false, reason: 'the module exports no memory' }
  for (const [name, each] of Object.entries({ input: place, run: work, output, output_length: length })) {
    if (typeof each !== 'function') return { ok: false, reason: `the module exports no function “${name}”` }
  }
  const call = (each: unknown, ...values: number[]) =>
    Number((each as (...all: number[]) => unknown)(...values)) >>> 0
  const at = call(place, input.byteLength)
  if (at + input.byteLength > memory.buffer.byteLength) return { ok: false, reason: 'its input does not fit' }
  new Uint8Array(memory.buffer).set(input, at)
  const code = call(work, input.byteLength)
  if (code !== 0) return { ok: false, reason: `the module ended with the code ${code}` }
  const from = call(output)
  const lengthBytes = call(length)
  if (lengthBytes > outputBytesMax) return { ok: false, reason: `its output is over ${outputBytesMax} bytes` }
  if (from + lengthBytes > memory.buffer.byteLength)
    return { ok: false, reason: 'its output is outside its memory' }
  return { ok: true, result: new Uint8Array(memory.buffer).slice(from, from + lengthBytes) }
}

let answer: Answer
try {
  answer = run()
} catch (error) {
  answer = {
    ok: false,
    reason: error instanceof Error ? `the module broke: ${error.message}` : 'the module broke',
  }
}
parentPort?.postMessage(answer)
