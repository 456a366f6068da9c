/** What the first bytes of a picture say of it. */
export interface ImageSize {
  format: 'jpeg' | 'png'
  width: number
  height: number
}

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** Frame headers; C4, C8 and CC are something else. */
const JPEG_FRAMES = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf]

/** Size and format from the headers alone, before anything is decoded; undefined when it is neither PNG nor JPEG. */
export function readImageSize(bytes: Uint8Array): ImageSize | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length >= 24 && buffer.subarray(0, 8).equals(PNG_SIGNATURE)) {
    if (buffer.toString('latin1', 12, 16) !== 'IHDR') return undefined
    return { format: 'png', width: buffer.readUInt32BE(16), height: buffer.readUInt32BE(20) }
  }
  return buffer.length >= 4 && buffer.readUInt16BE(0) === 0xffd8 ? readJpegSize(buffer) : undefined
}

function readJpegSize(buffer: Buffer): ImageSize | undefined {
  let at = 2
  while (at + 9 <= buffer.length) {
    if (buffer[at] !== 0xff) return undefined
    const marker = buffer[at + 1] as number
    if (marker === 0xff) {
      at++
      continue
    }
    if (JPEG_FRAMES.includes(marker))
      return { format: 'jpeg', height: buffer.readUInt16BE(at + 5), width: buffer.readUInt16BE(at + 7) }
    const lengthBytes = buffer.readUInt16BE(at + 2)
    // Picture data before any frame, or a segment that does not even hold its own length.
    if (marker === 0xda || lengthBytes < 2) return undefined
    at += 2 + lengthBytes
  }
  return undefined
}

/** The size that fits a square of `side` pixels; never larger than it is. */
export function fitInto(
  size: { width: number; height: number },
  side: number,
): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(size.width, size.height))
  return {
    width: Math.max(1, Math.round(size.width * scale)),
    height: Math.max(1, Math.round(size.height * scale)),
  }
}
