/** What tests of the bot share: a node with its bot on a Discord of our own, with a server, a channel and people. */

import { type DiscordBot, startDiscordBot } from '../../src/apps/discord/start-discord-bot.ts'
import { CommandRunner } from '../../src/commands/run-command.ts'
import { Secret } from '../../src/core/secret.ts'
import type { Node } from '../../src/node/create-node.ts'
import { TestNodes } from '../../src/node/start-nodes.suite.ts'
import { DiscordStandIn, type StandInOptions } from '../fixtures/discord-stand-in/discord-stand-in.ts'

/** One node, one bot, one server. */
export class BotWorld implements AsyncDisposable {
  readonly discord: DiscordStandIn
  readonly nodes = new TestNodes()
  readonly alder
  readonly birch
  readonly guild
  readonly channel
  #bots: DiscordBot[] = []

  private constructor(discord: DiscordStandIn) {
    this.discord = discord
    this.alder = discord.addUser('alder')
    this.birch = discord.addUser('birch')
    this.guild = discord.addGuild({ name: 'Grove', owner: this.alder })
    this.guild.addMember(this.birch)
    this.channel = this.guild.addChannel('general')
  }

  /** A Discord without a bot. */
  static async open(options: StandInOptions = {}): Promise<BotWorld> {
    return new BotWorld(await DiscordStandIn.start({ rateLimits: 'generous', ...options }))
  }

  /** Starts a node with its bot. */
  async start(settings: Record<string, unknown> = {}): Promise<{ node: Node; bot: DiscordBot }> {
    const node = await this.nodes.startInMemory({ discordApi: this.discord.api, copies: 1, ...settings })
    return { node, bot: await this.startBot(node) }
  }

  /** Starts a bot on a node that runs. */
  async startBot(node: Node, token = this.discord.application.token): Promise<DiscordBot> {
    const { services } = node
    const bot = await startDiscordBot(services, {
      token: new Secret(token),
      runner: new CommandRunner(services),
    })
    this.#bots.push(bot)
    return bot
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const bot of this.#bots) await bot.stop()
    await this.nodes[Symbol.asyncDispose]()
    await this.discord[Symbol.asyncDispose]()
  }
}
