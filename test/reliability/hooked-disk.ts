import type { Disk, DiskFile } from '../../src/storage/disk.ts'
import type { IndexDatabase, SqlValue } from '../../src/storage/index-database.ts'

/** One call on its way to the disk or the index. */
export interface StorageCall {
  operation: string
  path: string
}

/** Told of every call; `before` may throw, and then the call never happens. */
export interface StorageHooks {
  before?: (call: StorageCall) => void
  after?: (call: StorageCall) => void
}

/** A disk whose every call can be watched, made to fail, or be the last thing that a process does. */
export function hookDisk(inner: Disk, hooks: StorageHooks): Disk {
  const hooked = async <Result>(operation: string, path: string, run: () => Promise<Result>) => {
    hooks.before?.({ operation, path })
    const result = await run()
    hooks.after?.({ operation, path })
    return result
  }
  const fileOf = (file: DiskFile, path: string): DiskFile => ({
    read: (position, length, into) => hooked('read', path, () => file.read(position, length, into)),
    write: (position, bytes) => hooked('write', path, () => file.write(position, bytes)),
    truncate: (sizeBytes) => hooked('truncate', path, () => file.truncate(sizeBytes)),
    sync: () => hooked('sync', path, () => file.sync()),
    sizeBytes: () => hooked('measure', path, () => file.sizeBytes()),
    // A handle is given back whatever the disk says; a failing close would only leak handles of the test.
    close: () => file.close(),
  })
  return {
    open: (path, mode) =>
      hooked(mode === 'create' ? 'create' : 'open', path, async () =>
        fileOf(await inner.open(path, mode), path),
      ),
    readFile: (path, sizeBytesMax) => hooked('readFile', path, () => inner.readFile(path, sizeBytesMax)),
    writeFile: (path, bytes, options) =>
      hooked('writeFile', path, () => inner.writeFile(path, bytes, options)),
    rename: (from, to) => hooked('rename', to, () => inner.rename(from, to)),
    remove: (path) => hooked('remove', path, () => inner.remove(path)),
    makeFolder: (path) => hooked('makeFolder', path, () => inner.makeFolder(path)),
    syncFolder: (path) => hooked('syncFolder', path, () => inner.syncFolder(path)),
    async *list(path) {
      hooks.before?.({ operation: 'list', path })
      yield* inner.list(path)
      hooks.after?.({ operation: 'list', path })
    },
    sizeOf: (path) => hooked('sizeOf', path, () => inner.sizeOf(path)),
    space: () => hooked('space', '', () => inner.space()),
    openDatabase(path) {
      hooks.before?.({ operation: 'openDatabase', path })
      return inner.openDatabase(path)
    },
    copyDatabase: (from, to) => hooked('copyDatabase', to, () => inner.copyDatabase(from, to)),
  }
}

/** An index whose every statement and commit can be watched or made to fail. */
export function hookIndex(inner: IndexDatabase, hooks: StorageHooks): IndexDatabase {
  let depth = 0
  const hooked = <Result>(operation: string, run: () => Result): Result => {
    hooks.before?.({ operation, path: 'index' })
    const result = run()
    hooks.after?.({ operation, path: 'index' })
    return result
  }
  return {
    migrate: (part, steps) => hooked('migrate', () => inner.migrate(part, steps)),
    run: (sql, ...values) => hooked('statement', () => inner.run(sql, ...values)),
    get: <Row>(sql: string, ...values: SqlValue[]) =>
      hooked('statement', () => inner.get<Row>(sql, ...values)),
    all: <Row>(sql: string, ...values: SqlValue[]) =>
      hooked('statement', () => inner.all<Row>(sql, ...values)),
    iterate: <Row>(sql: string, ...values: SqlValue[]) =>
      hooked('statement', () => inner.iterate<Row>(sql, ...values)),
    transaction<Result>(work: () => Result): Result {
      const result = inner.transaction(() => {
        depth++
        try {
          const value = work()
          // An error at the commit undoes the work like one in it.
          if (depth === 1) hooks.before?.({ operation: 'commit', path: 'index' })
          return value
        } finally {
          depth--
        }
      })
      if (depth === 0) hooks.after?.({ operation: 'commit', path: 'index' })
      return result
    },
    close: () => inner.close(),
    ...(inner.wasRestored === undefined ? {} : { wasRestored: inner.wasRestored }),
  }
}
