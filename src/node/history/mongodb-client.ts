import {
  type Collection,
  MongoBulkWriteError,
  MongoClient,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb'
import type { CircuitBreaker } from '../../core/circuit-breaker.ts'
import type { Clock } from '../../core/clock.ts'
import { KizunaError } from '../../core/kizuna-error.ts'
import type { Random } from '../../core/random.ts'
import { retry } from '../../core/retry.ts'
import type { Secret } from '../../core/secret.ts'

/** One attempt, all that the driver does for it included. */
export const CALL_MS_MAX = 5_000
/** A server that is there is found within less, also when it has to be connected to first. */
const SELECT_MS_MAX = 3_000
/** The whole budget of one call: three attempts, within some seconds. */
const TRIES = { attemptsMax: 3, delayMs: 200, delayMsMax: 2_000 }
/** A history needs few; a server has not many to give away. */
const CONNECTIONS_MAX = 4
/**
 * What the server may well do the next time, by its “Retryable Writes and Reads”: it was stopping, starting, or
 * another one has become the primary.
 */
const PASSING_CODES: ReadonlySet<unknown> = new Set([
  6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,
])

/** Thrown when MongoDB cannot be reached or refuses a call. Carries no cause: the driver's errors may quote the URI. */
export class MongoDbError extends KizunaError {
  override name = 'MongoDbError'
  readonly isPassing: boolean
  constructor(facts: { operation: string; type: string; isPassing?: boolean }) {
    super({
      code: 'MONGODB_FAILED',
      kind: 'unavailable',
      message: `MongoDB did not do ${facts.operation}: ${facts.type}.`,
      hint: 'Check MONGODB_URI, the rights of its user, and the settings historyDatabase and historyTable.',
      details: { operation: facts.operation, type: facts.type },
    })
    this.isPassing = facts.isPassing ?? false
  }
}

/** Who may call, and where. */
export interface MongoDbAccess {
  /** `mongodb://…` or `mongodb+srv://…`; may contain a password. */
  uri: Secret<string>
  database: string
  collection: string
}

/** What is stored; text only where text came from people. */
export interface HistoryDocument {
  _id: string
  at: Date
  correlationId: string
  caller: string
  group?: string
  command: string
  action?: string
  outcome: string
  durationMs: number
}

/** One collection; each call has a deadline and is tried again where that may help. */
export class MongoDbClient {
  readonly #parts: { clock: Clock; random: Random; breaker: CircuitBreaker }
  readonly #client: MongoClient
  readonly #collection: Collection<HistoryDocument>
  #connecting: Promise<unknown> | undefined
  #isClosed = false

  /** Connects at the first call. @throws MongoDbError when the URI is none */
  constructor(parts: { clock: Clock; random: Random; breaker: CircuitBreaker }, access: MongoDbAccess) {
    this.#parts = parts
    try {
      this.#client = new MongoClient(access.uri.reveal(), {
        appName: 'kizuna',
        serverSelectionTimeoutMS: SELECT_MS_MAX,
        connectTimeoutMS: SELECT_MS_MAX,
        waitQueueTimeoutMS: CALL_MS_MAX,
        socketTimeoutMS: CALL_MS_MAX,
        maxPoolSize: CONNECTIONS_MAX,
        // One budget of attempts, the same for reads and writes, and counted by the circuit.
        retryReads: false,
        retryWrites: false,
        ignoreUndefined: true,
        // Its own log would say what people do, whatever the environment asks of it.
        mongodbLogComponentSeverities: { default: 'off' },
      })
      this.#collection = this.#client.db(access.database).collection(access.collection)
    } catch (error) {
      throw failureOf('connect', error)
    }
  }

  /** Lets `action` work on the collection, again where that may help. @throws MongoDbError, CircuitOpenError */
  run<Answer>(
    operation: string,
    action: (collection: Collection<HistoryDocument>) => Promise<Answer>,
  ): Promise<Answer> {
    const { clock, random, breaker } = this.#parts
    const isWorthRetrying = (error: unknown) => error instanceof MongoDbError && error.isPassing
    // Around the attempts: while another server becomes the primary a call waits, and the circuit stays closed.
    return breaker.run(() =>
      retry(clock, random, { ...TRIES, isWorthRetrying }, () => this.#once(operation, action)),
    )
  }

  /** Ends every connection; no call is done afterwards. */
  close(): Promise<void> {
    this.#isClosed = true
    return this.#client.close()
  }

  /** One deadline for everything: the driver has several, and none for the look-up of names. */
  async #once<Answer>(
    operation: string,
    action: (collection: Collection<HistoryDocument>) => Promise<Answer>,
  ): Promise<Answer> {
    const control = new AbortController()
    const limit = this.#parts.clock.sleep(CALL_MS_MAX, control.signal).then(() => {
      throw new MongoDbError({ operation, type: 'it took too long' })
    })
    try {
      return await Promise.race([this.#connected().then(() => action(this.#collection)), limit])
    } catch (error) {
      throw error instanceof MongoDbError ? error : failureOf(operation, error)
    } finally {
      limit.catch(() => {})
      control.abort()
    }
  }

  /** The driver comes back by itself after it was connected once; a first attempt that failed it never repeats. */
  #connected(): Promise<unknown> {
    if (this.#isClosed)
      return Promise.reject(new MongoDbError({ operation: 'connect', type: 'it is closed' }))
    this.#connecting ??= this.#client.connect().catch((error) => {
      this.#connecting = undefined
      throw error
    })
    return this.#connecting
  }
}

/** The error's kind and nothing of its words, which may quote the URI or what somebody wrote. */
function failureOf(operation: string, error: unknown): MongoDbError {
  // Around what was no answer of the server but, for instance, a broken connection.
  const wrapped: unknown = error instanceof MongoBulkWriteError ? error.errorResponse : undefined
  if (wrapped instanceof Error) return failureOf(operation, wrapped)
  if (error instanceof MongoServerError) {
    const { code, codeName } = error
    const type =
      typeof codeName === 'string' && /^[A-Za-z]{1,100}$/.test(codeName) ? codeName : `code ${Number(code)}`
    return new MongoDbError({ operation, type, isPassing: PASSING_CODES.has(code) })
  }
  if (error instanceof MongoServerSelectionError)
    return new MongoDbError({ operation, type: 'it cannot be reached' })
  if (error instanceof MongoNetworkError) {
    const isPassing = !(error instanceof MongoNetworkTimeoutError)
    return new MongoDbError({ operation, type: 'the connection broke', isPassing })
  }
  return new MongoDbError({
    operation,
    type: error instanceof Error ? error.name.slice(0, 100) : 'something unknown',
  })
}
