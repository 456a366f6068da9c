import { decodeCanonical, encodeCanonical } from '../core/encoding.ts'
import type { PeerId } from '../core/signing-key.ts'
import { readRecord } from '../records/record-codec.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import {
  isEnd,
  type TaskEvent,
  type TaskFacts,
  type TaskId,
  type TaskSpec,
  type TaskState,
  type TaskView,
} from './task.ts'
import { readTask } from './task-record.ts'

/** Entries of one task's log; progress beyond it is not written, ends are. */
const EVENTS_MAX = 500
/** Ended tasks are remembered for a week, and this many. */
const ENDED_MAX = 10_000
const REMEMBERED_MS = 7 * 24 * 60 * 60_000
const NOTE_LENGTH_MAX = 300

const MIGRATIONS = [
  `CREATE TABLE task_own (
     id TEXT PRIMARY KEY, record BLOB NOT NULL, requested_by TEXT NOT NULL, requested_in TEXT NOT NULL,
     state TEXT NOT NULL, parts INTEGER NOT NULL,
     percent INTEGER NOT NULL, note TEXT NOT NULL, agreeing INTEGER NOT NULL, result BLOB, created_at INTEGER NOT NULL,
     ended_at INTEGER) STRICT;
   CREATE INDEX task_own_open ON task_own (ended_at, created_at);
   CREATE INDEX task_own_person ON task_own (requested_by, created_at);
   CREATE TABLE task_event (
     task TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, part INTEGER NOT NULL,
     worker TEXT, percent INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY (task, seq)) STRICT, WITHOUT ROWID`,
]

interface Row {
  id: TaskId
  record: Uint8Array
  requested_by: string
  requested_in: string
  state: TaskState
  parts: number
  percent: number
  note: string
  agreeing: number
  result: Uint8Array | null
  created_at: number
  ended_at: number | null
}

/** A task as it is found again after a restart. */
export interface StoredTask {
  spec: TaskSpec
  parts: number
}

/** How a task ended. */
export interface TaskEnd {
  state: TaskState
  agreeing: number
  result: TaskFacts | undefined
  endedAt: number
}

/** The tasks that this node asked for, and their logs, on the disk. */
export class OwnTasks {
  readonly #index: IndexDatabase

  constructor(index: IndexDatabase) {
    this.#index = index
    index.migrate('own tasks', MIGRATIONS)
  }

  add(spec: TaskSpec, asked: { requestedBy: string; requestedIn?: string }): void {
    this.#index.run(
      `INSERT INTO task_own (id, record, requested_by, requested_in, state, parts, percent, note, agreeing, created_at)
       VALUES (?, ?, ?, ?, 'queued', ?, 0, '', 0, ?)`,
      spec.id,
      spec.record.bytes,
      asked.requestedBy,
      asked.requestedIn ?? '',
      spec.redundancy,
      spec.createdAt,
    )
  }

  view(id: TaskId): TaskView | undefined {
    const row = this.#index.get<Row>('SELECT * FROM task_own WHERE id = ?', id)
    return row === undefined ? undefined : this.#viewOf(row)
  }

  /** The task as it was signed. */
  spec(id: TaskId): TaskSpec | undefined {
    const row = this.#index.get<{ record: Uint8Array }>('SELECT record FROM task_own WHERE id = ?', id)
    return row === undefined ? undefined : readStored(row.record)
  }

  list(options: { requestedBy?: string; requestedIn?: string; open?: boolean; limit: number }): TaskView[] {
    const wheres = [
      ...(options.requestedBy === undefined ? [] : ['requested_by = ?']),
      ...(options.requestedIn === undefined ? [] : ['requested_in = ?']),
      ...(options.open === true ? ['ended_at IS NULL'] : []),
    ]
    const where = wheres.length === 0 ? '' : `WHERE ${wheres.join(' AND ')}`
    const values = [options.requestedBy, options.requestedIn].filter((each) => each !== undefined)
    return this.#index
      .all<Row>(
        `SELECT * FROM task_own ${where} ORDER BY created_at DESC, id LIMIT ?`,
        ...values,
        options.limit,
      )
      .map((row) => this.#viewOf(row))
  }

  /** Those that have not ended, oldest first. */
  open(): StoredTask[] {
    return this.#index
      .all<Row>('SELECT * FROM task_own WHERE ended_at IS NULL ORDER BY created_at, id')
      .map((row) => ({ spec: readStored(row.record), parts: row.parts }))
  }

  /** Another worker is wanted, to decide between results. */
  addPart(id: TaskId, parts: number): void {
    this.#index.run('UPDATE task_own SET parts = ? WHERE id = ?', parts, id)
  }

  /** Appends to a task's log; undefined when the log is full of progress. */
  append(event: Omit<TaskEvent, 'seq'>): TaskEvent | undefined {
    const note = event.note.slice(0, NOTE_LENGTH_MAX)
    return this.#index.transaction(() => {
      const last = this.#index.get<{ seq: number | null }>(
        'SELECT MAX(seq) AS seq FROM task_event WHERE task = ?',
        event.task,
      )
      const seq = (last?.seq ?? 0) + 1
      if (seq > EVENTS_MAX && event.state === 'running') return undefined
      this.#index.run(
        'INSERT INTO task_event (task, seq, at, state, part, worker, percent, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        event.task,
        seq,
        event.at,
        event.state,
        event.part,
        event.worker ?? null,
        event.percent,
        note,
      )
      return { ...event, seq, note }
    })
  }

  /** How the whole task stands now. */
  setState(id: TaskId, now: { state: TaskState; percent: number; note: string }): void {
    this.#index.run(
      'UPDATE task_own SET state = ?, percent = ?, note = ? WHERE id = ? AND ended_at IS NULL',
      now.state,
      now.percent,
      now.note.slice(0, NOTE_LENGTH_MAX),
      id,
    )
  }

  end(id: TaskId, { state, agreeing, result, endedAt }: TaskEnd): void {
    this.#index.run(
      'UPDATE task_own SET state = ?, agreeing = ?, result = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL',
      state,
      agreeing,
      result === undefined ? null : encodeCanonical(result),
      endedAt,
      id,
    )
  }

  events(id: TaskId, options: { after: number; limit: number }): TaskEvent[] {
    return this.#index
      .all<Omit<TaskEvent, 'worker'> & { worker: PeerId | null }>(
        'SELECT task, seq, at, state, part, worker, percent, note FROM task_event WHERE task = ? AND seq > ? ORDER BY seq LIMIT ?',
        id,
        options.after,
        options.limit,
      )
      .map((row) => ({ ...row, worker: row.worker ?? undefined }))
  }

  /** Tasks of one person that have not ended. */
  countOpen(requestedBy: string): number {
    const row = this.#index.get<{ count: number }>(
      'SELECT COUNT(*) AS count FROM task_own WHERE requested_by = ? AND ended_at IS NULL',
      requestedBy,
    )
    return row?.count ?? 0
  }

  /** Forgets what ended long ago. `now` in ms since 1970. */
  prune(now: number): void {
    const oldest = this.#index.get<{ ended_at: number }>(
      'SELECT ended_at FROM task_own WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1 OFFSET ?',
      ENDED_MAX,
    )
    this.#remove('ended_at < ?', Math.max(now - REMEMBERED_MS, oldest?.ended_at ?? 0))
  }

  /** Ended tasks of a person go; open ones lose the name. Returns how many there were. */
  forgetRequester(requestedBy: string): number {
    return this.#index.transaction(() => {
      const before = this.#index.get<{ count: number }>(
        'SELECT COUNT(*) AS count FROM task_own WHERE requested_by = ?',
        requestedBy,
      )
      this.#remove('ended_at IS NOT NULL AND requested_by = ?', requestedBy)
      this.#index.run(
        "UPDATE task_own SET requested_by = '', requested_in = '' WHERE requested_by = ?",
        requestedBy,
      )
      return before?.count ?? 0
    })
  }

  #remove(where: string, value: string | number): void {
    this.#index.transaction(() => {
      this.#index.run(`DELETE FROM task_event WHERE task IN (SELECT id FROM task_own WHERE ${where})`, value)
      this.#index.run(`DELETE FROM task_own WHERE ${where}`, value)
    })
  }

  #viewOf(row: Row): TaskView {
    const spec = readStored(row.record)
    const workers = this.#index.all<{ worker: PeerId }>(
      'SELECT DISTINCT worker FROM task_event WHERE task = ? AND worker IS NOT NULL',
      row.id,
    )
    return {
      id: row.id,
      kind: spec.kind,
      input: spec.input,
      requestedBy: row.requested_by,
      requestedIn: row.requested_in,
      state: row.state,
      percent: isEnd(row.state) && row.state === 'verified' ? 100 : row.percent,
      note: row.note,
      workers: workers.map(({ worker }) => worker),
      redundancy: spec.redundancy,
      lasting: spec.electors.length > 1,
      once: spec.once,
      agreeing: row.agreeing,
      result: row.result === null ? undefined : (decodeCanonical(row.result) as TaskFacts),
      createdAt: row.created_at,
      endsAt: spec.endsAt,
      endedAt: row.ended_at ?? undefined,
    }
  }
}

/** Our own signature needs no second look. */
function readStored(bytes: Uint8Array): TaskSpec {
  return readTask(readRecord(bytes).record)
}
