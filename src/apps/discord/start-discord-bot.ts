import type { KeyObject } from 'node:crypto'
import { type APIApplication, REST, type RESTOptions, Routes } from 'discord.js'
import type { Command } from '../../commands/command.ts'
import { commandList } from '../../commands/command-list.ts'
import type { CommandRunner } from '../../commands/run-command.ts'
import { AbortedError } from '../../core/errors.ts'
import type { Secret } from '../../core/secret.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import type { Services } from '../../node/services.ts'
import { channelsSeenBy } from './archive/channels-seen.ts'
import { type ArchiveKeeping, keepArchives } from './archive/keep-archives.ts'
import type { BotIdentity, BotParts } from './bot-parts.ts'
import { ControlIds } from './control-id.ts'
import { ContentDelivery } from './deliver-content.ts'
import { DiscordUnavailableError } from './errors.ts'
import { inviteLink } from './gateway/invite-link.ts'
import { rolesOf } from './gateway/listen.ts'
import { intentsOf, type OpenClient } from './gateway/open-client.ts'
import { SupervisedGateway } from './gateway/supervised-gateway.ts'
import { GuildSettingsTable } from './guilds/guild-settings.ts'
import { KnownMembers } from './guilds/known-members.ts'
import { Notices } from './guilds/notices.ts'
import { welcome } from './guilds/welcome.ts'
import { readPublicKey } from './http/request-signature.ts'
import { type InteractionEntrance, serveInteractions } from './http/serve-interactions.ts'
import { attachmentSource } from './incoming/fetch-attachment.ts'
import { answerInteraction } from './interactions/answer-interaction.ts'
import { answerMessage } from './messages/answer-message.ts'
import { buildRegistration } from './registration/build-registration.ts'
import { publishRegistration } from './registration/publish-registration.ts'
import { CallbackSender } from './rest/callback-sender.ts'
import { type FetchParts, guardedFetch } from './rest/guarded-fetch.ts'
import { RefusalCount } from './rest/refusal-count.ts'
import { WaitingLine } from './waiting-line.ts'

/** The webhooks of interactions are no part of the bot's own 50 requests a second. */
const WEBHOOKS_PER_SECOND = 2_000
const REQUEST_MS_MAX = 15_000
/** In all channels together; Discord takes five messages in five seconds for each. */
const LATE_ANSWERS = { perSecond: 1, burst: 20 } as const
/** Commands that begin at once; when more come, they are acknowledged first, which costs far less than any of them. */
const BEGINNING_MAX = 32

/** How the bot is started. */
export interface DiscordBotOptions {
  token: Secret<string>
  runner: CommandRunner
  /** @default every command there is */
  commands?: readonly Command[]
}

/** A running bot. */
export interface DiscordBot {
  /** Adds the bot to a server; undefined until Discord was reached. */
  inviteLink(): string | undefined
  /** The port of the entrance for interactions by HTTP, when it is open. */
  httpPort(): number | undefined
  /** What a person who starts the bot should know, in sentences. */
  notices(): string[]
  /** Ends the connection; commands under way are aborted. */
  stop(): Promise<void>
}

/**
 * Starts the Discord bot of a node. Where Discord cannot be reached it keeps trying.
 * @throws DiscordTokenInvalidError
 */
export async function startDiscordBot(services: Services, options: DiscordBotOptions): Promise<DiscordBot> {
  const bot = new Bot(services, options)
  await bot.start()
  return bot
}

class Bot implements DiscordBot {
  readonly #services: Services
  readonly #parts: BotParts
  readonly #gateway: SupervisedGateway
  readonly #callbacks: CallbackSender
  readonly #delivery = new ContentDelivery()
  readonly #stopping = new AbortController()
  readonly #watch: Notices
  readonly #commandIds = new Map<string, string>()
  readonly #notices: string[] = []
  #entrance: InteractionEntrance | undefined
  #publicKey: KeyObject | undefined
  #archives: ArchiveKeeping | undefined
  #identity: BotIdentity | undefined
  #readsMessages = false

  constructor(services: Services, options: DiscordBotOptions) {
    this.#services = services
    const { config, clock, random, metrics, index } = services
    const log = services.log.named('discord')
    const breaker = services.breakers.of('discord', {
      isFailure: (error) => error instanceof DiscordUnavailableError,
    })
    const refusals = new RefusalCount(clock)
    const fetchParts: FetchParts = { clock, random, log, metrics, breaker, refusals }
    const rest = new REST(restOptions(config.discordApi, fetchParts)).setToken(options.token.reveal())
    this.#callbacks = new CallbackSender(fetchParts, { api: config.discordApi, breakers: services.breakers })
    const members = new KnownMembers({ index, clock })
    services.personalData.add(members)
    this.#parts = {
      services,
      runner: options.runner,
      commands: options.commands ?? commandList,
      rest,
      webhooks: new REST({
        ...restOptions(config.discordApi, fetchParts),
        globalRequestsPerSecond: WEBHOOKS_PER_SECOND,
      }),
      controls: new ControlIds(services.key),
      guilds: new GuildSettingsTable(index),
      members,
      attachments: attachmentSource(services, {
        api: config.discordApi,
        bytesMax: config.discordAttachmentBytesMax,
      }),
      look: config.discordLook,
      log,
      line: new WaitingLine(BEGINNING_MAX, () => this.#callbacks.isCrowded),
      identity: () => this.#identity ?? NOBODY,
      rolesOf: (guild) => {
        const { client } = this.#gateway
        return client === undefined ? undefined : rolesOf(client, guild)
      },
      ownerOf: (guild) => this.#gateway.client?.guilds.cache.get(guild)?.ownerId,
      channelsSeenBy: (guild, member) => {
        const { client } = this.#gateway
        return client?.isReady() === true ? channelsSeenBy(client, guild, member) : undefined
      },
      readsMessages: () => this.#readsMessages,
      commandIds: this.#commandIds,
      lateAnswers: new TokenBucket(clock, LATE_ANSWERS),
      stopping: this.#stopping.signal,
    }
    this.#watch = new Notices({
      clock,
      log,
      rest,
      look: config.discordLook,
      guilds: this.#parts.guilds,
      degraded: () => services.state.degraded(),
    })
    const { intents, unknown } = intentsOf(config.discordIntents)
    if (unknown.length > 0)
      this.#notices.push(`discordIntents names no intents of Discord: ${unknown.join(', ')}.`)
    this.#gateway = new SupervisedGateway(
      {
        clock,
        random,
        log,
        health: services.health,
        rest,
        events: {
          interaction: (interaction) => this.#run(answerInteraction(this.#parts, interaction, this.#place)),
          message: (message) => this.#run(answerMessage(this.#parts, this.#delivery, message)),
          joined: (guild) => this.#run(welcome(this.#parts, guild)),
          left: (guild) => members.forgetGuild(guild),
        },
        opened: (open) => this.#opened(open),
      },
      { token: options.token, intents },
    )
  }

  async start(): Promise<void> {
    try {
      await this.#gateway.start()
      await this.#openEntrance()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Where Discord posts interactions, when that is wanted; undefined otherwise. */
  httpPort(): number | undefined {
    return this.#entrance?.port
  }

  inviteLink(): string | undefined {
    return this.#identity === undefined ? undefined : inviteLink(this.#identity.applicationId)
  }

  notices(): string[] {
    return [...this.#notices]
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError({ what: 'The command' }))
    this.#watch.stop()
    await this.#entrance?.stop()
    await this.#archives?.stop()
    await this.#gateway.stop()
    this.#callbacks.close()
    this.#parts.members.write()
    this.#services.health.remove('discord')
  }

  async #openEntrance(): Promise<void> {
    const { discordHttpPort: port, discordPublicKey: key, apiHost: host } = this.#services.config
    if (port < 0) return
    if (key !== '') this.#publicKey = readPublicKey(key)
    const { clock } = this.#services
    this.#entrance = await serveInteractions(
      {
        clock,
        log: this.#parts.log.named('http'),
        publicKey: () => this.#publicKey,
        answer: (interaction, sendCallback) =>
          answerInteraction(this.#parts, interaction, { sendCallback, delivery: this.#delivery }),
      },
      { host, port },
    )
  }

  get #place() {
    return {
      sendCallback: this.#callbacks.send.bind(this.#callbacks),
      delivery: this.#delivery,
    }
  }

  /** A client is ready: who we are, what we can read, and the commands Discord shows. */
  async #opened({ client, refusedIntents }: OpenClient): Promise<void> {
    const { rest, commands, log } = this.#parts
    const application = (await rest.get(Routes.currentApplication())) as APIApplication
    this.#identity = {
      applicationId: application.id,
      userId: client.user.id,
      userName: client.user.username,
      owners: ownersOf(application),
      isPublic: application.bot_public,
    }
    // Discord tells the key, too; the setting is for those who trust nothing but what they copied.
    this.#publicKey ??= readPublicKey(application.verify_key)
    this.#readsMessages =
      this.#services.config.discordIntents.includes('MessageContent') &&
      !refusedIntents.includes('MessageContent')
    this.#notices.length = 0
    if (!this.#readsMessages) {
      this.#notices.push(
        'The message content intent is off: typed commands work only by mentioning the bot. Turn it on in the Developer Portal (Bot, Message Content Intent) and start again.',
      )
    }
    if (application.bot_public && this.#services.config.discordGuilds.length === 0) {
      this.#notices.push(
        'Everybody may add this bot to a server of their own, so that only servers of the application’s owner count. Turn off “Public Bot” in the Developer Portal, or name your servers in discordGuilds.',
      )
    }
    const ids = await publishRegistration(
      { index: this.#services.index, rest, api: this.#services.config.discordApi },
      application.id,
      buildRegistration(commands),
    )
    for (const [name, id] of ids) this.#commandIds.set(name, id)
    await this.#archives?.stop()
    this.#archives = keepArchives(client, this.#services, { readsMessages: () => this.#readsMessages })
    this.#watch.start()
    log.info('ready', { guilds: client.guilds.cache.size, commands: ids.size })
  }

  #run(work: Promise<void>): void {
    work.catch((error: unknown) => this.#parts.log.error('event broke', { cause: error }))
  }
}

/** Before Discord told who we are. */
const NOBODY: BotIdentity = {
  applicationId: '0',
  userId: '0',
  userName: '',
  owners: new Set(),
  isPublic: true,
}

function restOptions(api: string, parts: FetchParts): Partial<RESTOptions> {
  return {
    api: api.replace(/\/$/, ''),
    version: '10',
    retries: 0,
    timeout: REQUEST_MS_MAX,
    // Node's own fetch; its types are those of another copy of the same library.
    makeRequest: guardedFetch(parts) as unknown as RESTOptions['makeRequest'],
  }
}

/** The application's owner, or its team without those who may only look. */
function ownersOf({ owner, team }: APIApplication): Set<string> {
  if (team === undefined || team === null) return new Set(owner === undefined ? [] : [owner.id])
  const ACCEPTED = 2
  const members = team.members.filter(
    (member) => Number(member.membership_state) === ACCEPTED && String(member.role) !== 'read_only',
  )
  return new Set([team.owner_user_id, ...members.map(({ user }) => user.id)])
}
