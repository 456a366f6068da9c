import { mayAsk } from '../../commands/gates/permit.ts'
import { sharedFiles } from '../../commands/shared-files.ts'
import type { Clock } from '../../core/clock.ts'
import type { Services } from '../../node/services.ts'
import { plainText } from './answers/safe-text.ts'
import { type Ask, permissionOf, personOf } from './ask.ts'
import { type BotParts, standingOf } from './bot-parts.ts'
import { type Completion, shownCommands } from './command-surface.ts'
import { formatBytes } from './words/format.ts'

/** Discord shows no more. */
const CHOICES_MAX = 25
const LENGTH_MAX = 100
/** While somebody types, every key asks again: the list of what is shared is made at most this often. */
const FILES_LIFE_MS = 2_000

/** A line that can be chosen, and what it stands for. */
export interface Choice {
  name: string
  value: string
}

/** What fits to what was typed so far. */
export function completionsOf(parts: BotParts, ask: Ask, what: Completion, typed: string): Choice[] {
  switch (what) {
    case 'content':
      return matching(contentChoices(parts.services), typed)
    case 'peer':
      return matching(peerChoices(parts.services), typed)
    case 'task':
      return matching(taskChoices(parts.services, personOf(ask.user)), typed)
    case 'command': {
      const permission = permissionOf(ask, standingOf(parts, ask))
      const names = shownCommands(parts.commands)
        .filter(({ command }) => mayAsk({ permission }, command.permission))
        .map(({ command }) => ({ name: command.name, value: command.name }))
      return matching(names, typed)
    }
  }
}

/** Those that begin with what was typed come before those that contain it. */
export function matching(choices: readonly Choice[], typed: string): Choice[] {
  const wanted = typed.trim().toLowerCase()
  const begins: Choice[] = []
  const contains: Choice[] = []
  for (const choice of choices) {
    if (begins.length >= CHOICES_MAX) break
    const name = choice.name.toLowerCase()
    if (name.startsWith(wanted) || choice.value.toLowerCase().startsWith(wanted)) begins.push(choice)
    else if (contains.length < CHOICES_MAX && name.includes(wanted)) contains.push(choice)
  }
  return [...begins, ...contains].slice(0, CHOICES_MAX)
}

const filesOf = new WeakMap<object, { madeAt: number; choices: Choice[] }>()

function contentChoices(services: Services): Choice[] {
  const now = (services.clock satisfies Clock).monotonic()
  const held = filesOf.get(services)
  if (held !== undefined && now - held.madeAt < FILES_LIFE_MS) return held.choices
  const choices = sharedFiles(services).map((file) => ({
    name: labelOf(file.name === '' ? file.id : file.name, formatBytes(file.sizeBytes)),
    value: file.id,
  }))
  filesOf.set(services, { madeAt: now, choices })
  return choices
}

function peerChoices({ membership, network }: Services): Choice[] {
  return membership
    .members()
    .filter(({ peer }) => peer !== network.peerId)
    .map(({ peer, label }) => ({ name: labelOf(label === '' ? peer : label, peer.slice(-8)), value: peer }))
}

/** The asker's own, the newest first. */
function taskChoices({ tasks }: Services, person: string): Choice[] {
  return tasks.list({ requestedBy: person, limit: CHOICES_MAX }).map(({ id, kind, state, percent }) => ({
    name: labelOf(`${kind} ${state} ${percent} %`, id.slice(-8)),
    value: id,
  }))
}

function labelOf(name: string, detail: string): string {
  return `${plainText(name, LENGTH_MAX - detail.length - 3)} · ${detail}`
}
