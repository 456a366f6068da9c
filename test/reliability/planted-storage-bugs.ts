/**
 * Storage with one bug planted, each of a kind that real ones had. A harness that lets one pass proves nothing.
 */
import type { ContentId } from '../../src/core/content-id.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import type { ChunkStore } from '../../src/storage/chunk-store.ts'
import type { Disk } from '../../src/storage/disk.ts'
import type { Pins } from '../../src/storage/pins.ts'
import type { ChunkQuota } from '../../src/storage/quota-chunk-store.ts'

/** The parts between which a bug can sit. */
export interface Plantings {
  /** Under everything. */
  disk?: (inner: Disk) => Disk
  /** The store that everybody uses. */
  chunks?: (inner: ChunkStore) => ChunkStore
  /** The store that the collector uses. */
  collected?: (inner: ChunkStore) => ChunkStore
  pins?: (inner: Pins) => Pins
  /** What the collector asks about pins. */
  pinned?: (pins: Pins) => (id: ContentId) => boolean
  leased?: (isLeased: (id: ContentId) => boolean) => (id: ContentId) => boolean
  quota?: (quota: ChunkQuota) => ChunkQuota
  graceMs?: (graceMs: number) => number
  forgetsToNoteStored?: boolean
  dryRunIsReal?: boolean
  neverCollects?: boolean
  releasesOthersLeases?: boolean
}

/** Every so many-th id, the same at each run. */
const some = (id: ContentId) => id.charCodeAt(id.length - 2) % 4 === 0

const withPins = (inner: Pins, changed: Partial<Pins>): Pins =>
  new Proxy(inner, {
    get(target, name) {
      const own = changed[name as keyof Pins] ?? target[name as keyof Pins]
      return typeof own === 'function' ? own.bind(target) : own
    },
  })

export const PLANTED_BUGS: Readonly<Record<string, Plantings>> = {
  'a put is acknowledged and not done': {
    chunks: (inner) => ({
      ...inner,
      put: async (id, bytes, options) => (some(id) ? 'stored' : inner.put(id, bytes, options)),
    }),
  },
  'a known chunk is said to be stored': {
    chunks: (inner) => ({ ...inner, put: async (...call) => (await inner.put(...call)) && 'stored' }),
  },
  'a byte is wrong': {
    chunks: (inner) => ({
      ...inner,
      async get(id, options) {
        const bytes = Uint8Array.from(await inner.get(id, options))
        if (some(id)) bytes[0] = (bytes[0] ?? 0) ^ 1
        return bytes
      },
    }),
  },
  'a range is ignored': { chunks: (inner) => ({ ...inner, get: (id) => inner.get(id) }) },
  'a range ends one byte early': {
    chunks: (inner) => ({
      ...inner,
      async get(id, options) {
        const bytes = await inner.get(id, options)
        return options?.length === undefined ? bytes : bytes.subarray(0, -1)
      },
    }),
  },
  'a deleted chunk is said to be held': {
    chunks: (inner) => ({ ...inner, has: async (id) => some(id) || inner.has(id) }),
  },
  'the size is that of the block': {
    chunks: (inner) => ({
      ...inner,
      async sizeOf(id) {
        const size = await inner.sizeOf(id)
        return size === undefined ? undefined : Math.ceil(size / 512) * 512
      },
    }),
  },
  'deleting nothing is said to have deleted': {
    chunks: (inner) => ({ ...inner, delete: async (id) => (await inner.delete(id)) || true }),
  },
  'a deletion is not done': {
    chunks: (inner) => ({ ...inner, delete: async (id) => (some(id) ? inner.has(id) : inner.delete(id)) }),
  },
  'the listing misses one': {
    chunks: (inner) => ({
      ...inner,
      async *ids() {
        for await (const id of inner.ids()) if (!some(id)) yield id
      },
    }),
  },
  'the listing says one twice': {
    chunks: (inner) => ({
      ...inner,
      async *ids() {
        for await (const id of inner.ids()) {
          yield id
          if (some(id)) yield id
        }
      },
    }),
  },
  'the count is never lowered': {
    chunks: (inner) => {
      let most = 0
      return {
        ...inner,
        async usage() {
          const usage = await inner.usage()
          most = Math.max(most, usage.chunks)
          return { ...usage, chunks: most }
        },
      }
    },
  },
  'the sum of bytes forgets padding': {
    chunks: (inner) => ({
      ...inner,
      usage: async () => {
        const usage = await inner.usage()
        return { ...usage, sizeBytes: usage.sizeBytes - (usage.chunks > 4 ? 1 : 0) }
      },
    }),
  },
  'the quota is a tenth too large': {
    quota: (quota) => ({ ...quota, sizeBytesMax: quota.sizeBytesMax * 1.1 }),
  },
  'the limit of chunks is off by one': {
    quota: (quota) => ({ ...quota, chunksMax: (quota.chunksMax ?? 0) + 1 }),
  },
  'the disk lies about syncs of files': {
    disk: (inner) => ({
      ...inner,
      open: async (path, mode) => ({ ...(await inner.open(path, mode)), sync: async () => {} }),
    }),
  },
  'the disk lies about syncs of folders': { disk: (inner) => ({ ...inner, syncFolder: async () => {} }) },
  'damage is served': {
    chunks: (inner) => {
      const last = new Map<ContentId, Uint8Array>()
      return {
        ...inner,
        async put(id, bytes, options) {
          last.set(
            id,
            Uint8Array.from(bytes, (byte, place) => (place === 3 ? byte ^ 1 : byte)),
          )
          return inner.put(id, bytes, options)
        },
        get: (id, options) =>
          inner.get(id, options).catch((error: unknown) => {
            const bytes = last.get(id)
            if (bytes === undefined || !isKizunaError(error, 'CHUNK_CORRUPT')) throw error
            return bytes
          }),
      }
    },
  },
  'a damaged chunk stays listed': {
    chunks: (inner) => {
      const damaged = new Set<ContentId>()
      return {
        ...inner,
        has: async (id) => damaged.has(id) || inner.has(id),
        get: (id, options) =>
          inner.get(id, options).catch((error: unknown) => {
            if (isKizunaError(error, 'CHUNK_CORRUPT')) damaged.add(id)
            throw error
          }),
      }
    },
  },
  'letting go for one owner lets go for all': {
    pins: (inner) =>
      withPins(inner, {
        remove(root, owner) {
          const had = inner.remove(root, owner)
          if (had) for (const pin of inner.list()) if (pin.root === root) inner.remove(root, pin.owner)
          return had
        },
      }),
  },
  'pinning again replaces': {
    pins: (inner) =>
      withPins(inner, {
        add(pin, ids) {
          inner.remove(pin.root, pin.owner)
          inner.add(pin, ids)
        },
      }),
  },
  'a pin never ends': {
    pins: (inner) => withPins(inner, { add: ({ root, owner }, ids) => inner.add({ root, owner }, ids) }),
  },
  'pinning again keeps the old end': {
    pins: (inner) =>
      withPins(inner, {
        add(pin, ids) {
          const old = inner.list({ owner: pin.owner }).find(({ root }) => root === pin.root)
          inner.add(old === undefined ? pin : { ...pin, expiresAt: old.expiresAt }, ids)
        },
      }),
  },
  'a release lets go of what others hold': { releasesOthersLeases: true },
  'the collector ignores leases': { leased: () => () => false },
  'the collector ignores what the space pinned': {
    pinned: (pins) => (id) =>
      pins.list({ owner: 'self' }).some(({ root, owner }) => pins.chunkIdsOf({ root, owner }).includes(id)),
  },
  'the collector sees roots only': {
    pinned: (pins) => (id) => pins.list().some(({ root }) => root === id),
  },
  'the grace is half of it': { graceMs: (graceMs) => graceMs / 2 },
  'the collector takes what it sees first': { graceMs: () => -1 },
  'storing again leaves the mark': { forgetsToNoteStored: true },
  'a dry run deletes': { dryRunIsReal: true },
  'nothing is ever collected': { neverCollects: true },
  'the collector forgets some': {
    collected: (inner) => ({ ...inner, delete: async (id) => (some(id) ? true : inner.delete(id)) }),
  },
}
