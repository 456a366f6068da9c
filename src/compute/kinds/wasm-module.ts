const PAGE_BYTES = 64 * 1024
/** Entries of a table take 8 bytes each on the host. */
const TABLE_ENTRIES_MAX = 100_000
const TABLES_MAX = 4
const HEADER = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
const SECTION = { import: 2, table: 4, memory: 5 } as const

/** Reads unsigned LEB128 numbers within bounds. */
class SectionReader {
  readonly #bytes: Uint8Array
  readonly end: number
  at: number

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes
    this.at = at
    this.end = end
  }

  byte(): number {
    if (this.at >= this.end) throw new RangeError('cut short')
    return this.#bytes[this.at++] as number
  }

  number(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number is too long')
  }
}

/**
 * Why a WebAssembly module is not run for strangers, or undefined when it may be: it imports nothing, has one memory of
 * its own whose maximum is within the limit, and small tables. Looks at sections only; the engine checks the rest.
 */
export function refuseModule(bytes: Uint8Array, memoryBytesMax: number): string | undefined {
  if (!HEADER.equals(bytes.subarray(0, HEADER.length))) return 'it is no WebAssembly module'
  try {
    return refuseSections(bytes, memoryBytesMax)
  } catch (error) {
    if (error instanceof RangeError) return 'the module is malformed'
    throw error
  }
}

function refuseSections(bytes: Uint8Array, memoryBytesMax: number): string | undefined {
  const whole = new SectionReader(bytes, HEADER.length, bytes.byteLength)
  let memories = 0
  while (whole.at < whole.end) {
    const id = whole.byte()
    const sizeBytes = whole.number()
    const section = new SectionReader(bytes, whole.at, whole.at + sizeBytes)
    if (section.end > bytes.byteLength) return 'the module is cut short'
    if (id === SECTION.import && section.number() > 0) return 'the module imports something'
    if (id === SECTION.table) {
      const wrong = refuseTables(section)
      if (wrong !== undefined) return wrong
    }
    if (id === SECTION.memory) {
      memories = section.number()
      if (memories > 1) return 'the module has several memories'
      const wrong = memories === 1 ? refuseMemory(section, memoryBytesMax) : undefined
      if (wrong !== undefined) return wrong
    }
    whole.at = section.end
  }
  return memories === 1 ? undefined : 'the module has no memory'
}

function refuseMemory(section: SectionReader, memoryBytesMax: number): string | undefined {
  const flags = section.byte()
  // Bit 0: it has a maximum. Shared and 64-bit memories have other bits.
  if (flags !== 1) return 'the memory of the module is not a plain one with a maximum'
  section.number()
  if (section.number() * PAGE_BYTES > memoryBytesMax)
    return `the memory of the module may grow beyond ${memoryBytesMax} bytes`
  return undefined
}

function refuseTables(section: SectionReader): string | undefined {
  const count = section.number()
  if (count > TABLES_MAX) return 'the module has too many tables'
  for (let index = 0; index < count; index++) {
    const type = section.byte()
    // Function and external references; newer forms of tables are not taken.
    if (type !== 0x70 && type !== 0x6f) return 'a table of the module is of an unknown form'
    const flags = section.byte()
    const initial = section.number()
    const most = flags === 1 ? section.number() : undefined
    if (flags > 1 || (most ?? initial) > TABLE_ENTRIES_MAX) return 'a table of the module is too large'
    if (most === undefined && initial > TABLE_ENTRIES_MAX) return 'a table of the module is too large'
  }
  return undefined
}
