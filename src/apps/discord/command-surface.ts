import type { Command } from '../../commands/command.ts'

/** How `help` groups commands. */
export type CommandGroup = 'everyday' | 'node' | 'work' | 'you' | 'manage'

/** How one command shows itself on Discord; what it means stands in the command. */
export interface Presentation {
  group: CommandGroup
  /** Fields that become options, in this order. Those left out keep their defaults. */
  options: readonly string[]
  /** Fields that Discord lets people choose from its own lists. */
  chosen?: Readonly<Record<string, 'channel' | 'user'>>
  /** Fields that are completed while typing, and from what; `action.field` where actions differ. */
  completes?: Readonly<Record<string, Completion>>
  /** An option for a file, whose bytes become the command's body. */
  attachment?: string
  /** Actions that are offered, where not all are; a single one needs no subcommand. */
  actions?: readonly string[]
  /** May be installed by a person, and then used everywhere. */
  personal?: boolean
  /** Makes sense in a server only. */
  serverOnly?: boolean
}

/** What can be completed from the index of this node, without asking anybody. */
export type Completion = 'content' | 'peer' | 'task' | 'command'

/** The commands that Discord shows, in the order of `help`. */
export const PRESENTATIONS: Readonly<Record<string, Presentation>> = {
  share: {
    group: 'everyday',
    options: ['text', 'url', 'name', 'private', 'copies'],
    attachment: 'file',
    personal: true,
  },
  get: { group: 'everyday', options: ['id'], completes: { id: 'content' }, personal: true },
  list: { group: 'everyday', options: ['name', 'mine'], personal: true },
  describe: { group: 'everyday', options: ['id'], completes: { id: 'content' } },
  keep: { group: 'everyday', options: ['id', 'until'], completes: { id: 'content' } },
  forget: { group: 'manage', options: ['id', 'everywhere'], completes: { id: 'content' } },
  ping: { group: 'node', options: ['peer'], completes: { peer: 'peer' } },
  status: { group: 'node', options: [] },
  peers: { group: 'node', options: ['all'] },
  sync: { group: 'node', options: [] },
  doctor: { group: 'node', options: ['id'], completes: { id: 'content' } },
  task: {
    group: 'work',
    options: [],
    completes: {
      'run.id': 'content',
      'run.module': 'content',
      'status.id': 'task',
      'cancel.id': 'task',
    },
  },
  archive: {
    group: 'work',
    options: [],
    chosen: { channel: 'channel', author: 'user' },
    serverOnly: true,
  },
  history: { group: 'you', options: ['command', 'since', 'everybody'], completes: { command: 'command' } },
  privacy: { group: 'you', options: ['confirm'] },
  feedback: { group: 'you', options: ['text'], actions: ['send'] },
  help: { group: 'you', options: ['command'], completes: { command: 'command' } },
  invite: { group: 'manage', options: ['expires', 'single'] },
  setup: { group: 'manage', options: [], serverOnly: true },
}

/** A command as Discord shows it. */
export interface ShownCommand {
  command: Command
  shown: Presentation
  /** Names of the actions offered, when there are several. */
  actions: readonly string[]
  /** The action that is meant when only one is offered. */
  onlyAction: string | undefined
}

/** They never change, and every interaction asks for them. */
const shownOf = new WeakMap<readonly Command[], readonly ShownCommand[]>()

/** Those of `commands` that Discord shows. */
export function shownCommands(commands: readonly Command[]): readonly ShownCommand[] {
  const known = shownOf.get(commands) ?? showAll(commands)
  shownOf.set(commands, known)
  return known
}

function showAll(commands: readonly Command[]): ShownCommand[] {
  const byName = new Map(commands.map((command) => [command.name, command]))
  return Object.entries(PRESENTATIONS).flatMap(([name, shown]) => {
    const command = byName.get(name)
    if (command === undefined) return []
    const offered = shown.actions ?? Object.keys(command.actions ?? {})
    const single = offered.length === 1 ? offered[0] : undefined
    return [{ command, shown, actions: single === undefined ? offered : [], onlyAction: single }]
  })
}

/** The fields that an action (or a command without actions) offers, in the order of presentation. */
export function optionFields({ command, shown }: ShownCommand, action: string | undefined): string[] {
  const owned: readonly string[] = command.ownerFields ?? []
  const chosen = action === undefined ? undefined : command.actions?.[action]?.fields
  const wanted = chosen === undefined ? shown.options : chosen
  return wanted.filter(
    (field) => field in command.input.shape && field !== 'action' && !owned.includes(field),
  )
}

/** What a field is completed from, while it is typed. */
export function completionOf(
  { shown }: Pick<ShownCommand, 'shown'>,
  action: string | undefined,
  field: string,
): Completion | undefined {
  return shown.completes?.[`${action}.${field}`] ?? shown.completes?.[field]
}

/** The command of this name. Only for names in the table above. */
export function commandNamed(commands: readonly Command[], name: string): Command {
  const found = commands.find((command) => command.name === name)
  if (found === undefined) throw new Error(`there is no command ${name}`)
  return found
}
