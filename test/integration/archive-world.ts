/** A node with a bot that keeps archives, beside the stand-in of Discord; for the tests of the archive. */
import { MessageChannel } from 'node:worker_threads'
import { Client, GatewayIntentBits, Partials } from 'discord.js'
import { type ArchiveKeeping, keepArchives } from '../../src/apps/discord/archive/keep-archives.ts'
import type { Caller } from '../../src/commands/command.ts'
import type { Node } from '../../src/node/create-node.ts'
import { TestNodes } from '../../src/node/start-nodes.suite.ts'
import { DiscordStandIn, type StandInOptions } from '../fixtures/discord-stand-in/discord-stand-in.ts'
import type { StandInGuild } from '../fixtures/discord-stand-in/stand-in-guild.ts'
import type { StandInChannel, StandInUser } from '../fixtures/discord-stand-in/world-entities.ts'

const INTENTS = [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent]

/** A bot that only keeps archives. */
export interface ArchivingBot {
  client: Client<true>
  keeping: ArchiveKeeping
  stop(): Promise<void>
}

/** Stand-in, nodes and bots of one test. */
export class ArchiveWorld implements AsyncDisposable {
  readonly discord: DiscordStandIn
  readonly nodes = new TestNodes()
  readonly alder: StandInUser
  readonly guild: StandInGuild
  readonly general: StandInChannel
  readonly #bots: ArchivingBot[] = []
  readonly #alive = new MessageChannel()

  private constructor(discord: DiscordStandIn) {
    this.discord = discord
    this.alder = discord.addUser('alder')
    this.guild = discord.addGuild({ name: 'Grove', owner: this.alder })
    this.general = this.guild.addChannel('general')
    this.#alive.port1.ref()
  }

  static async start(options: StandInOptions = { rateLimits: 'generous' }): Promise<ArchiveWorld> {
    return new ArchiveWorld(await DiscordStandIn.start(options))
  }

  /** A node, in memory, that knows where the stand-in is. */
  node(settings: Record<string, unknown> = {}): Promise<Node> {
    return this.nodes.startInMemory({ discordApi: this.discord.api, ...settings })
  }

  async bot(node: Node): Promise<ArchivingBot> {
    const client = new Client({
      intents: INTENTS,
      partials: [Partials.Channel],
      rest: { api: this.discord.api },
    })
    const ready = new Promise((resolve) => client.once('clientReady', resolve))
    await client.login(this.discord.application.token)
    await ready
    const open = client as Client<true>
    const keeping = keepArchives(open, node.services, { readsMessages: () => true })
    const bot: ArchivingBot = {
      client: open,
      keeping,
      stop: async () => {
        await keeping.stop()
        await client.destroy()
      },
    }
    this.#bots.push(bot)
    return bot
  }

  /** The one who runs the server, as the bot would say. */
  steward(): Caller {
    return {
      id: `discord:${this.alder.id}`,
      permission: 'steward',
      group: `discord:${this.guild.id}`,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#bots.map((bot) => bot.stop()))
    await this.nodes[Symbol.asyncDispose]()
    await this.discord[Symbol.asyncDispose]()
    this.#alive.port1.close()
  }
}

/** How a channel is called in the archive. */
export function idOf({ id }: { id: string }): string {
  return `discord:${id}`
}
