import { KizunaError } from '../../core/kizuna-error.ts'

/** Thrown when Discord does not take the token, or none is there. The sentence is the one people search for. */
export class DiscordTokenInvalidError extends KizunaError {
  override name = 'DiscordTokenInvalidError'
  constructor(facts: { missing: boolean }) {
    super({
      code: 'DISCORD_TOKEN_INVALID',
      kind: 'denied',
      message: 'An invalid token was provided.',
      hint: `Check \`DISCORD_TOKEN\`${facts.missing ? ': it is not set' : ''} (or the file that \`DISCORD_TOKEN_FILE\` names): copy the token anew from https://discord.com/developers/applications, Bot, Reset Token.`,
      details: { missing: facts.missing },
    })
  }
}

/** Thrown when Discord cannot be reached or answers with an error of its own. */
export class DiscordUnavailableError extends KizunaError {
  override name = 'DiscordUnavailableError'
  constructor(facts: { what: string; status?: number; retryAfterMs?: number; cause?: unknown }) {
    super({
      code: 'DISCORD_UNAVAILABLE',
      kind: 'unavailable',
      message: `Discord did not do it: ${facts.what}${facts.status === undefined ? '' : ` (status ${facts.status})`}.`,
      hint: 'It is tried again by itself; https://discordstatus.com says whether Discord has trouble.',
      details: {
        ...(facts.status === undefined ? {} : { status: facts.status }),
        ...(facts.retryAfterMs === undefined ? {} : { retryAfterMs: facts.retryAfterMs }),
      },
      cause: facts.cause,
    })
  }
}

/** Thrown instead of a request to Discord while so many were refused that it would shut us out. */
export class DiscordRefusalsError extends KizunaError {
  override name = 'DiscordRefusalsError'
  constructor(facts: { refusals: number; retryAfterMs: number }) {
    super({
      code: 'DISCORD_REFUSALS',
      kind: 'busy',
      message: `Discord refused ${facts.refusals} requests in ten minutes; we stay silent before it shuts us out.`,
      hint: 'It goes on by itself. `kizuna doctor` and `/doctor` name the permission that is missing, most often.',
      details: facts,
    })
  }
}

/** Thrown when a file that somebody attached cannot be had. */
export class AttachmentUnreadableError extends KizunaError {
  override name = 'AttachmentUnreadableError'
  constructor(facts: { reason: string; status?: number; cause?: unknown }) {
    super({
      code: 'ATTACHMENT_UNREADABLE',
      kind: 'missing',
      message: `The attached file cannot be had: ${facts.reason}.`,
      hint: 'Attach it again: links to attachments expire.',
      details: facts.status === undefined ? {} : { status: facts.status },
      cause: facts.cause,
    })
  }
}

/** Thrown when an attached file has no bytes. */
export class AttachmentEmptyError extends KizunaError {
  override name = 'AttachmentEmptyError'
  constructor() {
    super({
      code: 'ATTACHMENT_EMPTY',
      kind: 'invalid',
      message: 'The attached file is empty.',
      hint: 'Attach a file with at least one byte.',
    })
  }
}

/** Thrown when an attached file is longer than the bot takes. */
export class AttachmentTooLargeError extends KizunaError {
  override name = 'AttachmentTooLargeError'
  constructor(facts: { sizeBytes: number; limitBytes: number }) {
    super({
      code: 'ATTACHMENT_TOO_LARGE',
      kind: 'invalid',
      message: `The attached file has ${facts.sizeBytes} bytes; the bot takes at most ${facts.limitBytes}.`,
      hint: 'Share it with `kizuna share` on a node, or have the owner raise `discordAttachmentBytesMax`.',
      details: facts,
    })
  }
}

/** Thrown when a button, menu or form is not one that we made for this person. */
export class ControlRefusedError extends KizunaError {
  override name = 'ControlRefusedError'
  constructor(facts: { reason: 'forged' | 'foreign' }) {
    super({
      code: 'CONTROL_REFUSED',
      kind: 'denied',
      message:
        facts.reason === 'foreign'
          ? 'This button is for somebody else.'
          : 'This button was not made by this bot.',
      hint: 'Give the command yourself.',
      details: facts,
    })
  }
}

/** Thrown when a typed command cannot be understood. */
export class MessageUnreadableError extends KizunaError {
  override name = 'MessageUnreadableError'
  constructor(facts: { reason: string; hint?: string }) {
    super({
      code: 'MESSAGE_UNREADABLE',
      kind: 'invalid',
      message: `The command cannot be understood: ${facts.reason}.`,
      hint: facts.hint ?? '`help` lists the commands; words with spaces go in "quotes".',
    })
  }
}

/** Thrown when somebody asks in a place where the command makes no sense. */
export class WrongPlaceError extends KizunaError {
  override name = 'WrongPlaceError'
  constructor() {
    super({
      code: 'DISCORD_WRONG_PLACE',
      kind: 'invalid',
      message: 'This works only in a server where the bot is a member.',
      hint: 'Give the command in a channel of your server.',
    })
  }
}

/** Thrown when interactions cannot be listened for by HTTP. */
export class DiscordPortTakenError extends KizunaError {
  override name = 'DiscordPortTakenError'
  constructor(facts: { port: number; systemCode: string }) {
    super({
      code: 'DISCORD_PORT_TAKEN',
      kind: 'conflict',
      message: `Port ${facts.port} for Discord’s interactions cannot be listened on (${facts.systemCode}).`,
      hint: 'Choose another discordHttpPort, or -1 for none.',
      details: facts,
    })
  }
}
