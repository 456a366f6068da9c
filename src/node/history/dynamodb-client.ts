import { AwsClient } from 'aws4fetch'
import type { CircuitBreaker } from '../../core/circuit-breaker.ts'
import type { Clock } from '../../core/clock.ts'
import { KizunaError } from '../../core/kizuna-error.ts'
import type { Random } from '../../core/random.ts'
import { retry } from '../../core/retry.ts'
import type { Secret } from '../../core/secret.ts'

const CALL_MS_MAX = 5_000
/** The whole budget of one call: four attempts, within some seconds. */
const TRIES = { attemptsMax: 4, delayMs: 200, delayMsMax: 2_000 }
/** The API's own limit for an answer is 1 MiB. */
const ANSWER_LENGTH_MAX = 8 * 1024 * 1024
/** What the service may well do the next time (“Error handling with DynamoDB”). */
const PASSING =
  /Throttl|ProvisionedThroughputExceeded|RequestLimitExceeded|InternalServerError|ServiceUnavailable/

/** A value as DynamoDB writes it: text or a number as text. */
export type DynamoValue = { S: string } | { N: string }
export type DynamoItem = Record<string, DynamoValue>

/** Thrown when DynamoDB cannot be reached or refuses a call. */
export class DynamoDbError extends KizunaError {
  override name = 'DynamoDbError'
  readonly type: string
  constructor(facts: { operation: string; type: string; cause?: unknown }) {
    super({
      code: 'DYNAMODB_FAILED',
      kind: 'unavailable',
      message: `DynamoDB did not do ${facts.operation}: ${facts.type}.`,
      hint: 'Check AWS_REGION, the AWS keys, their rights on the table, and the setting historyEndpoint.',
      cause: facts.cause,
      details: { operation: facts.operation, type: facts.type },
    })
    this.type = facts.type
  }
}

/** Who may call, and where. */
export interface DynamoAccess {
  /** `https://dynamodb.eu-central-1.amazonaws.com`, or a local one. */
  endpoint: string
  region: string
  accessKeyId: Secret<string>
  secretAccessKey: Secret<string>
  sessionToken?: Secret<string>
}

/** DynamoDB's JSON protocol 1.0, signed; each call has a deadline and is tried again where that may help. */
export class DynamoDbClient {
  readonly #parts: { clock: Clock; random: Random; breaker: CircuitBreaker }
  readonly #access: DynamoAccess
  readonly #signer: AwsClient

  constructor(parts: { clock: Clock; random: Random; breaker: CircuitBreaker }, access: DynamoAccess) {
    this.#parts = parts
    this.#access = access
    this.#signer = new AwsClient({
      accessKeyId: access.accessKeyId.reveal(),
      secretAccessKey: access.secretAccessKey.reveal(),
      ...(access.sessionToken === undefined ? {} : { sessionToken: access.sessionToken.reveal() }),
      region: access.region,
      service: 'dynamodb',
      retries: 0,
    })
  }

  /** Calls `operation`, such as `Query`. @throws DynamoDbError, CircuitOpenError */
  async call<Answer>(operation: string, input: unknown): Promise<Answer> {
    const { clock, random, breaker } = this.#parts
    const isWorthRetrying = (error: unknown) => error instanceof DynamoDbError && PASSING.test(error.type)
    return (await retry(clock, random, { ...TRIES, isWorthRetrying }, () =>
      breaker.run(() => this.#once(operation, input)),
    )) as Answer
  }

  async #once(operation: string, input: unknown): Promise<unknown> {
    let answer: Response
    let text: string
    try {
      answer = await this.#signer.fetch(this.#access.endpoint, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': `DynamoDB_20120810.${operation}`,
        },
        body: JSON.stringify(input),
        signal: this.#parts.clock.deadline(CALL_MS_MAX),
      })
      text = await answer.text()
    } catch (cause) {
      throw new DynamoDbError({ operation, type: 'it cannot be reached', cause })
    }
    if (text.length > ANSWER_LENGTH_MAX)
      throw new DynamoDbError({ operation, type: 'its answer is too long' })
    const body = parsed(text)
    if (answer.ok && body !== undefined) return body
    const type =
      typeof body?.__type === 'string' ? (body.__type.split('#').at(-1) ?? '') : `status ${answer.status}`
    throw new DynamoDbError({ operation, type: type.slice(0, 100) })
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
