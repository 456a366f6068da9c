/** Makes a thumbnail of the picture it is given: runs in a thread of its own (`run-in-thread.ts`). */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { fitInto, readImageSize } from './image-size.ts'

const { bytes, sidePixels, format, quality, pixelsMax } = workerData as {
  bytes: Uint8Array
  sidePixels: number
  format: 'jpeg' | 'png'
  quality: number
  pixelsMax: number
}

/** What browsers have and the codecs make. */
class Picture {
  readonly data: Uint8ClampedArray
  readonly width: number
  readonly height: number

  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data
    this.width = width
    this.height = height
  }
}
Object.assign(globalThis, { ImageData: Picture })

/** Node's types do not describe it. */
const { Module } = (globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } })
  .WebAssembly

function codec(path: string): object {
  return new Module(readFileSync(fileURLToPath(import.meta.resolve(path))))
}

async function decode(kind: 'jpeg' | 'png'): Promise<Picture> {
  const given = Uint8Array.from(bytes).buffer
  if (kind === 'png') {
    const png = await import('@jsquash/png/decode.js')
    await png.init(codec('@jsquash/png/codec/pkg/squoosh_png_bg.wasm'))
    return png.decode(given)
  }
  const jpeg = await import('@jsquash/jpeg/decode.js')
  await jpeg.init(codec('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'))
  return jpeg.default(given, { preserveOrientation: true })
}

async function encode(picture: Picture): Promise<ArrayBuffer> {
  if (format === 'png') {
    const png = await import('@jsquash/png/encode.js')
    await png.init(codec('@jsquash/png/codec/pkg/squoosh_png_bg.wasm'))
    return png.default(picture)
  }
  const jpeg = await import('@jsquash/jpeg/encode.js')
  await jpeg.init(codec('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm'))
  return jpeg.default(picture, { quality })
}

async function makeThumbnail() {
  const size = readImageSize(bytes)
  if (size === undefined) return { ok: false, reason: 'it is neither a PNG nor a JPEG picture' }
  if (size.width === 0 || size.height === 0) return { ok: false, reason: 'the picture has no pixels' }
  if (size.width * size.height > pixelsMax)
    return { ok: false, reason: `the picture has more than ${pixelsMax} pixels` }
  const picture = await decode(size.format).catch(() => undefined)
  if (picture === undefined) return { ok: false, reason: 'the picture cannot be decoded' }
  const { default: resize, initResize } = await import('@jsquash/resize')
  await initResize(codec('@jsquash/resize/lib/resize/pkg/squoosh_resize_bg.wasm'))
  const wanted = fitInto(picture, sidePixels)
  const small = wanted.width === picture.width ? picture : await resize(picture, wanted)
  const made = new Uint8Array(await encode(small))
  return { ok: true, result: { bytes: made, width: small.width, height: small.height } }
}

const answer = await makeThumbnail().catch(() => ({ ok: false, reason: 'the picture cannot be worked on' }))
parentPort?.postMessage(answer)
