import { z } from 'zod'
import { TaskNotFoundError } from '../compute/errors.ts'
import { TASK_KINDS, type TaskFacts, type TaskId, type TaskView } from '../compute/task.ts'
import { HASH_ALGORITHMS, IMAGE_FORMATS, THUMBNAIL_SIDE_MAX } from '../compute/task-input.ts'
import { REDUNDANCY_MAX } from '../compute/task-record.ts'
import { parseContentId } from '../core/content-id.ts'
import { type CborValue, toBase64Url } from '../core/encoding.ts'
import { InvalidInputError } from '../core/errors.ts'
import type { Services } from '../node/services.ts'
import { FILE_KIND, readFileRecord } from '../records/file-record.ts'
import { displayText } from '../records/space.ts'
import { type Caller, type CommandContext, defineCommand } from './command.ts'
import { mayAsk } from './gates/permit.ts'
import { LIFETIME_PATTERN, parseLifetime } from './lifetime.ts'

const ACTIONS = ['list', 'run', 'status', 'cancel'] as const
const LIST_MAX = 100
const EVENTS_SHOWN = 20
/** Longest name of a content in a bundle, in bytes. */
const NAME_BYTES_MAX = 90
const DATA_LENGTH_MAX = 4_000

const input = z.strictObject({
  action: z.enum(ACTIONS).default('list').describe('What to do'),
  id: z
    .string()
    .max(16_000)
    .optional()
    .describe('Content to work on, several with commas; for status and cancel the id of the task'),
  kind: z.enum(TASK_KINDS).optional().describe('What is to be done with it'),
  algorithm: z.enum(HASH_ALGORITHMS).optional().describe('For hash: which one; sha256 without'),
  size: z.coerce
    .number()
    .int()
    .min(1)
    .max(THUMBNAIL_SIDE_MAX)
    .optional()
    .describe('For transcode-image: longest side in pixels; 320 without'),
  format: z.enum(IMAGE_FORMATS).optional().describe('For transcode-image: jpeg, or png'),
  module: z.string().max(100).optional().describe('For wasm: the content that is the WebAssembly module'),
  data: z
    .string()
    .max(DATA_LENGTH_MAX)
    .optional()
    .describe('For wasm: text as its input, instead of a content'),
  workers: z.coerce
    .number()
    .int()
    .min(1)
    .max(REDUNDANCY_MAX)
    .default(1)
    .describe('Have so many different members do it and compare what they made'),
  lasting: z.boolean().default(false).describe('Go on with it also when this node is gone'),
  once: z.boolean().default(false).describe('Never begin it twice, even if it then may not be done at all'),
  within: z
    .string()
    .regex(LIFETIME_PATTERN, 'must be a number with s, m, h or d, such as 30m')
    .default('1d')
    .describe('Give it up after this time, such as 30m'),
  wait: z.boolean().default(false).describe('Wait until it has ended'),
  everybody: z.boolean().default(false).describe('Everybody’s tasks, for those who look after the community'),
  limit: z.coerce.number().int().min(1).max(LIST_MAX).default(20).describe('At most so many'),
})

type TaskInput = z.output<typeof input>

/** Work that members' machines do for each other. */
export const task = defineCommand({
  name: 'task',
  summary: 'Have members’ machines do something with shared content',
  description:
    'A task is done by the member’s machine that has time for it now: `verify` reads every chunk again, `hash` gives a hash, `archive` makes one bundle of several contents, `transcode-image` a thumbnail, `wasm` runs a program of yours in a closed box. If that machine goes away another one goes on. With --workers 3 three different machines do it, and what most of them made counts.\n\nExample: kizuna task run bafk… --kind hash --wait',
  permission: 'member',
  cost: 'light',
  input,
  actions: {
    run: {
      summary: 'Have something done',
      fields: [
        'id',
        'kind',
        'algorithm',
        'size',
        'format',
        'module',
        'data',
        'workers',
        'lasting',
        'once',
        'within',
        'wait',
      ],
      changes: true,
    },
    status: { summary: 'Show how far a task is and what came of it', fields: ['id', 'wait'] },
    list: { summary: 'Show your tasks', fields: ['everybody', 'limit'] },
    cancel: { summary: 'End a task', fields: ['id'], changes: true },
  },
  positional: ['action', 'id'],
  async run(services, wish, context) {
    const { tasks } = services
    switch (wish.action) {
      case 'run': {
        const { id } = await tasks.run({
          ...inputOf(services, wish),
          redundancy: wish.workers,
          lasting: wish.lasting,
          once: wish.once,
          lifeMs: parseLifetime(wish.within),
          requestedBy: context.caller.id,
          ...(context.caller.group === undefined ? {} : { requestedIn: context.caller.group }),
        })
        return {
          action: wish.action,
          ...shown(wish.wait ? await follow(services, id, context) : tasks.get(id)),
        }
      }
      case 'status': {
        const { id } = findTask(services, wish, context.caller)
        const view = wish.wait ? await follow(services, id, context) : tasks.get(id)
        const log = tasks.events(id).slice(-EVENTS_SHOWN)
        return {
          action: wish.action,
          ...shown(view),
          log: log.map(({ at, state, percent, worker, note }) => ({
            at: new Date(at).toISOString(),
            state,
            percent,
            ...(worker === undefined ? {} : { worker }),
            note,
          })),
        }
      }
      case 'cancel': {
        const { id } = findTask(services, wish, context.caller)
        const cancelled = await tasks.cancel(id)
        return { action: wish.action, cancelled, ...shown(tasks.get(id)) }
      }
      default: {
        const own = tasks.list({ ...whose(wish, context.caller), limit: wish.limit })
        return { action: wish.action, tasks: own.map(shown) }
      }
    }
  },
})

/** Tells how far it is until it has ended. */
async function follow({ tasks }: Services, id: TaskId, context: CommandContext): Promise<TaskView> {
  const unlisten = tasks.onEvent((event) => {
    if (event.task === id)
      context.progress({ phase: event.state, done: tasks.get(id).percent, total: 100, unit: 'items' })
  })
  try {
    return await tasks.wait(id, { signal: context.signal })
  } finally {
    unlisten()
  }
}

/** One's own; a steward’s community’s; the owner’s of the node, any. Others are as if they were not there. */
function findTask({ tasks }: Services, wish: TaskInput, caller: Caller): TaskView {
  const id = needed(wish.id, 'the id of a task', wish.action)
  const view = tasks.get(id as TaskId)
  const isStewards =
    mayAsk(caller, 'steward') && caller.group !== undefined && view.requestedIn === caller.group
  if (view.requestedBy === caller.id || isStewards || mayAsk(caller, 'owner')) return view
  throw new TaskNotFoundError({ id })
}

function whose(wish: TaskInput, caller: Caller) {
  if (mayAsk(caller, 'owner') && (wish.everybody || caller.group === undefined)) return {}
  if (wish.everybody && mayAsk(caller, 'steward') && caller.group !== undefined)
    return { requestedIn: caller.group }
  return { requestedBy: caller.id }
}

function inputOf(
  services: Services,
  wish: TaskInput,
): { kind: (typeof TASK_KINDS)[number]; input: TaskFacts } {
  const kind = needed(wish.kind, '--kind', 'run')
  const ids = (wish.id ?? '').split(',').flatMap((text) => (text.trim() === '' ? [] : parseContentId(text)))
  if (kind === 'archive') {
    if (ids.length === 0) needed(undefined, 'a content', 'run')
    return { kind, input: { entries: namesOf(services, ids) } }
  }
  if (ids.length > 1) throw wrong(`${kind} works on one content`)
  const [content] = ids
  if (kind === 'wasm') {
    const module = parseContentId(needed(wish.module, '--module', 'run'))
    const data = wish.data === undefined ? {} : { data: Uint8Array.from(Buffer.from(wish.data)) }
    return { kind, input: { module, ...(content === undefined ? {} : { content }), ...data } }
  }
  if (content === undefined) needed(undefined, 'a content', 'run')
  const facts = {
    content: content as string,
    ...(kind === 'hash' && wish.algorithm !== undefined ? { algorithm: wish.algorithm } : {}),
    ...(kind === 'transcode-image' && wish.size !== undefined ? { sidePixels: wish.size } : {}),
    ...(kind === 'transcode-image' && wish.format !== undefined ? { format: wish.format } : {}),
  }
  return { kind, input: facts }
}

/** Each content under the name that the space knows it by; equal ones are told apart by a number. */
function namesOf({ records }: Services, ids: readonly string[]): { content: string; name: string }[] {
  const used = new Set<string>()
  return ids.map((content) => {
    const record = records.newest(FILE_KIND, content)
    const known = record === undefined ? content : readFileRecord(record).name
    const plain = displayText(known, NAME_BYTES_MAX).replaceAll(/[\\/]/g, '-')
    const base = plain === '' || plain === '.' || plain === '..' ? content : plain
    let name = base
    for (let number = 2; used.has(name); number++) name = `${number} ${base}`
    used.add(name)
    return { content, name }
  })
}

function shown(view: TaskView) {
  const { result, createdAt, endsAt, endedAt, requestedIn: _, input: given, ...rest } = view
  return {
    ...rest,
    workers: [...view.workers],
    input: plain(given),
    ...(result === undefined ? {} : { result: plain(result) }),
    createdAt: new Date(createdAt).toISOString(),
    endsAt: new Date(endsAt).toISOString(),
    ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt).toISOString() }),
  }
}

/** JSON has no bytes: they become base64url. */
function plain(value: CborValue): unknown {
  if (value instanceof Uint8Array) return toBase64Url(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([field, each]) => [field, plain(each as CborValue)]))
}

function needed<Value>(value: Value | undefined, what: string, action: string): Value {
  if (value !== undefined && value !== '') return value
  throw wrong(`${action} needs ${what}`)
}

function wrong(reason: string): InvalidInputError {
  return new InvalidInputError({
    what: 'The input of task',
    reason,
    hint: '`kizuna help task` shows what each action takes.',
  })
}
