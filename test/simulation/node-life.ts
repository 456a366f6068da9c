import type { DatabaseSync } from 'node:sqlite'
import { type Clock, deadlineWith, sleepWith, type Timer } from '../../src/core/clock.ts'
import type { Disk, DiskEntry, DiskFile, DiskSpace } from '../../src/storage/disk.ts'
import { DiskError } from '../../src/storage/errors.ts'
import type { MemoryDisk } from '../../src/storage/memory-disk.ts'

/** From a simulated node's start to its crash; what it left running must not touch the world afterwards. */
export class NodeLife {
  #over = false
  readonly #listeners: (() => void)[] = []

  get isOver(): boolean {
    return this.#over
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    for (const listener of this.#listeners.splice(0)) listener()
  }

  onEnd(listener: () => void): void {
    this.#listeners.push(listener)
  }
}

/** What is wrong with a machine's wall clock; its monotonic one is always right. */
export class WallFault {
  /** Added to the right time, in milliseconds. */
  errorMs = 0
  /** The date at which it stands still, if it does. */
  #frozenAt: number | undefined

  get isWrong(): boolean {
    return this.errorMs !== 0 || this.#frozenAt !== undefined
  }

  apply(rightMs: number): number {
    return this.#frozenAt ?? rightMs + this.errorMs
  }

  freeze(rightMs: number): void {
    this.#frozenAt ??= this.apply(rightMs)
  }

  heal(): void {
    this.errorMs = 0
    this.#frozenAt = undefined
  }
}

/** A clock whose timers die with the node, as those of a dead process do. */
export class LifeClock implements Clock {
  readonly #inner: Clock
  readonly #life: NodeLife
  readonly #wall: WallFault

  constructor(inner: Clock, life: NodeLife, wall: WallFault) {
    this.#inner = inner
    this.#life = life
    this.#wall = wall
  }

  now(): number {
    return this.#wall.apply(this.#inner.now())
  }

  monotonic(): number {
    return this.#inner.monotonic()
  }

  after(delayMs: number, action: () => void): Timer {
    if (this.#life.isOver) return { stop: () => {} }
    return this.#inner.after(delayMs, () => {
      if (!this.#life.isOver) action()
    })
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, delayMs, signal)
  }

  deadline(delayMs: number, ...signals: (AbortSignal | undefined)[]): AbortSignal {
    return deadlineWith(this, delayMs, signals)
  }
}

/** Bugs that can be planted in a disk. */
export interface DiskBugs {
  /** `sync` and `syncFolder` return at once and do nothing. */
  syncLies: boolean
}

/** A node's way to its disk, closed when the node dies: the disk itself goes on to the next life. */
export class LifeDisk implements Disk {
  readonly #inner: MemoryDisk
  readonly #life: NodeLife
  readonly #bugs: DiskBugs

  constructor(inner: MemoryDisk, life: NodeLife, bugs: DiskBugs) {
    this.#inner = inner
    this.#life = life
    this.#bugs = bugs
  }

  async open(path: string, mode: 'read' | 'update' | 'create' | 'append-or-create'): Promise<DiskFile> {
    this.#check('open', path)
    const file = await this.#inner.open(path, mode)
    return this.#bugs.syncLies ? { ...file, sync: async () => {} } : file
  }

  async readFile(path: string, sizeBytesMax: number): Promise<Uint8Array> {
    this.#check('read', path)
    return this.#inner.readFile(path, sizeBytesMax)
  }

  async writeFile(path: string, bytes: Uint8Array): Promise<void> {
    this.#check('write', path)
    return this.#inner.writeFile(path, bytes)
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check('rename', from)
    return this.#inner.rename(from, to)
  }

  async remove(path: string): Promise<boolean> {
    this.#check('remove', path)
    return this.#inner.remove(path)
  }

  async makeFolder(path: string): Promise<void> {
    this.#check('makeFolder', path)
    return this.#inner.makeFolder(path)
  }

  async syncFolder(path: string): Promise<void> {
    this.#check('syncFolder', path)
    return this.#bugs.syncLies ? undefined : this.#inner.syncFolder(path)
  }

  async *list(path: string): AsyncGenerator<DiskEntry> {
    this.#check('list', path)
    yield* this.#inner.list(path)
  }

  async sizeOf(path: string): Promise<number | undefined> {
    this.#check('read', path)
    return this.#inner.sizeOf(path)
  }

  async space(): Promise<DiskSpace> {
    return this.#inner.space()
  }

  openDatabase(path: string): DatabaseSync {
    this.#check('open', path)
    return this.#inner.openDatabase(path)
  }

  async copyDatabase(from: string, to: string): Promise<void> {
    this.#check('write', to)
    return this.#inner.copyDatabase(from, to)
  }

  #check(operation: string, path: string): void {
    if (this.#life.isOver) throw new DiskError({ operation, path, systemCode: 'EIO' })
  }
}
