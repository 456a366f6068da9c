import { hash } from 'node:crypto'
import type { Community } from '../content/community.ts'
import type { Clock } from '../core/clock.ts'
import { InvalidInputError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import { dateNow, signRecord } from '../records/record-codec.ts'
import type { RecordSets } from '../records/record-sets.ts'
import type { OwnTasks } from './own-tasks.ts'
import type { TaskRequest, TaskSpec } from './task.ts'
import { COMPARABLE, readTaskInput } from './task-input.ts'
import { REDUNDANCY_MAX, readTask, TASK_KIND, TASK_LIFE_MS_MAX, taskBody, taskIdOf } from './task-record.ts'

const LIFE_MS_DEFAULT = 24 * 60 * 60_000
const LIFE_MS_MIN = 1_000
/** Three survive the loss of one, five of two. */
const ELECTORS = 3
const ELECTORS_OF_MANY = 5
const MANY_MEMBERS = 7

/** What making a task needs. */
export interface AskParts {
  key: SigningKey
  records: RecordSets
  community: Community
  store: OwnTasks
  clock: Clock
  random: Random
}

/**
 * Makes and signs a task; one that may outlive us or must not be begun twice gets electors, and goes into the records
 * of the space. The same request with the same idempotency key gives the task that there is already.
 * @throws InvalidInputError
 */
export async function askForTask(
  parts: AskParts,
  request: TaskRequest,
): Promise<{ spec: TaskSpec; isNew: boolean }> {
  const { key, records, store, clock, random } = parts
  const { kind, input, redundancy = 1, lasting = false, once = false, idempotencyKey } = request
  const lifeMs = request.lifeMs ?? LIFE_MS_DEFAULT
  refuseWrong(request, lifeMs)
  const { space } = records
  if (space === undefined)
    throw new InvalidInputError({ what: 'The task', reason: 'this node is in no space yet' })
  const nonce = idempotencyKey === undefined ? random.bytes(16) : hash('sha256', idempotencyKey, 'buffer')
  const id = taskIdOf(key.peerId, { kind, input }, nonce)
  const electors = lasting || once ? chooseElectors(key.peerId, parts.community) : [key.peerId]
  const body = taskBody({ kind, input, redundancy, once, electors })
  const known = store.spec(id)
  if (known !== undefined) return { spec: known, isNew: false }
  const createdAt = dateNow(clock)
  const draft = { space, kind: TASK_KIND, key: id, createdAt, expiresAt: createdAt + lifeMs, body }
  const record =
    electors.length === 1
      ? signRecord(key, draft)
      : await records.put(TASK_KIND, id, body, { lifetimeMs: lifeMs })
  return { spec: readTask(record), isNew: true }
}

/** An odd number of those who are most often there, us included; we alone where the space is too small for more. */
export function chooseElectors(self: PeerId, community: Pick<Community, 'members'>): PeerId[] {
  const others = community
    .members()
    .filter(({ online, leaving }) => online && leaving !== true)
    .sort((a, b) => b.uptime - a.uptime || (a.peer < b.peer ? -1 : 1))
    .map(({ peer }) => peer)
  const wanted = others.length + 1 >= MANY_MEMBERS ? ELECTORS_OF_MANY : ELECTORS
  return others.length + 1 < wanted ? [self] : [self, ...others.slice(0, wanted - 1)]
}

function refuseWrong(request: TaskRequest, lifeMs: number): void {
  const { kind, input, redundancy = 1, lasting = false, once = false } = request
  const refuse = (reason: string): never => {
    throw new InvalidInputError({
      what: 'The task',
      reason,
      hint: 'docs/using/tasks.md says what each kind takes.',
    })
  }
  try {
    readTaskInput(kind, input)
  } catch (error) {
    if (!isKizunaError(error, 'INVALID_RECORD')) throw error
    refuse(String(error.details.reason))
  }
  if (!Number.isSafeInteger(redundancy) || redundancy < 1 || redundancy > REDUNDANCY_MAX)
    refuse(`between 1 and ${REDUNDANCY_MAX} workers can do it`)
  if (redundancy > 1 && !COMPARABLE[kind]) refuse(`results of ${kind} cannot be compared between workers`)
  if (redundancy > 1 && (lasting || once)) refuse('a lasting task, or one for once, is done by one worker')
  if (!Number.isSafeInteger(lifeMs) || lifeMs < LIFE_MS_MIN || lifeMs > TASK_LIFE_MS_MAX)
    refuse('its time must be between a second and seven days')
}
