/** A tar archive has records of this many bytes. */
const RECORD_BYTES = 512
const NAME_BYTES_MAX = 100

/** One file in an archive. */
export interface TarEntry {
  /** At most 100 bytes of UTF-8. */
  name: string
  sizeBytes: number
  open: () => Promise<AsyncIterable<Uint8Array>>
}

/** How long the archive of these files is. */
export function tarBytes(entries: readonly Pick<TarEntry, 'sizeBytes'>[]): number {
  return entries.reduce((sum, { sizeBytes }) => sum + RECORD_BYTES + padded(sizeBytes), 2 * RECORD_BYTES)
}

/** The archive (POSIX ustar), with no dates and no owners: the same files always give the same bytes. */
export async function* tarOf(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array> {
  for (const { name, sizeBytes, open } of entries) {
    yield headerOf(name, sizeBytes)
    for await (const piece of await open()) yield piece
    const gap = padded(sizeBytes) - sizeBytes
    if (gap > 0) yield new Uint8Array(gap)
  }
  yield new Uint8Array(2 * RECORD_BYTES)
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / RECORD_BYTES) * RECORD_BYTES
}

function headerOf(name: string, sizeBytes: number): Uint8Array {
  const header = Buffer.alloc(RECORD_BYTES)
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  Buffer.from(name).copy(header, 0, 0, NAME_BYTES_MAX)
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(sizeBytes, 124, 12)
  octal(0, 136, 12)
  header.write('        ', 148, 'latin1')
  header.write('0', 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
