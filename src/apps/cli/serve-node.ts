import { commandList } from '../../commands/command-list.ts'
import { CommandRunner } from '../../commands/run-command.ts'
import { toKizunaError } from '../../core/kizuna-error.ts'
import { Secret } from '../../core/secret.ts'
import { removeApiFile, writeApiFile } from '../../node/api-file.ts'
import type { ConfigSources } from '../../node/config.ts'
import type { NodeConfig } from '../../node/config-schema.ts'
import { createNode } from '../../node/create-node.ts'
import type { Secrets } from '../../node/secrets.ts'
import type { Services } from '../../node/services.ts'
import { VERSION } from '../../node/version.ts'
import type { DiscordBot } from '../discord/start-discord-bot.ts'
import { startHttpServer } from '../http/start-http-server.ts'

/** 256 bits of chance: whoever has the token owns the node. */
const TOKEN_BYTES = 32

/** A running node with its API. */
export interface ServedNode {
  services: Services
  /** `http://host:port`. */
  url: string
  token: Secret<string>
  /** With a token of Discord: how one adds the bot to a server, and what is to be known about it. */
  discord?: { inviteLink: string | undefined; notices: string[]; httpPort: number | undefined }
  /** Saves everything and ends; under 5 s. */
  stop(): Promise<void>
}

/**
 * Starts a node and its HTTP API, and tells other programs of this user where it is.
 * @throws what the node or the API cannot start for; then nothing is left running.
 */
export async function serveNode(
  config: NodeConfig,
  options: {
    sources?: ConfigSources
    secrets?: Secrets
    awsRegion?: string
    demandDiscord?: boolean
  } = {},
): Promise<ServedNode> {
  const node = await createNode(config, options)
  const { services } = node
  try {
    await node.start()
    const token = new Secret(Buffer.from(services.random.bytes(TOKEN_BYTES)).toString('base64url'))
    const http = await startHttpServer(services, {
      host: config.apiHost,
      port: config.apiPort,
      token,
      commands: commandList,
      version: VERSION,
      publicConsent: config.apiPublic,
      ...(config.apiTlsCert === ''
        ? {}
        : { tls: { certFile: config.apiTlsCert, keyFile: config.apiTlsKey } }),
    })
    const bot = await startBot(services, options).catch(async (error: unknown) => {
      await http.stop()
      throw error
    })
    await writeApiFile(services.disk, { url: http.url, token: token.reveal(), pid: process.pid })
    return {
      services,
      url: http.url,
      token,
      ...(bot === undefined
        ? {}
        : { discord: { inviteLink: bot.inviteLink(), notices: bot.notices(), httpPort: bot.httpPort() } }),
      async stop() {
        // Who waits for it is cut off below, and that must not look as if they called it off.
        await services.departure.stop()
        await removeApiFile(services.disk).catch(() => services.log.warn('api.json not removed'))
        await bot?.stop()
        // Requests under way use the node: they end first, within their own limit.
        await http.stop()
        await node.stop()
      },
    }
  } catch (error) {
    await node.stop()
    throw error
  }
}

/**
 * Starts the Discord bot, when there is a token. Unless it is demanded, a node runs also without it.
 * @throws DiscordTokenInvalidError
 */
async function startBot(
  services: Services,
  { secrets, demandDiscord = false }: { secrets?: Secrets; demandDiscord?: boolean },
): Promise<DiscordBot | undefined> {
  const token = secrets?.discordToken
  if (token === undefined) {
    if (!demandDiscord) return undefined
    const { DiscordTokenInvalidError } = await import('../discord/errors.ts')
    throw new DiscordTokenInvalidError({ missing: true })
  }
  const { startDiscordBot } = await import('../discord/start-discord-bot.ts')
  try {
    return await startDiscordBot(services, { token, runner: new CommandRunner(services) })
  } catch (error) {
    if (demandDiscord) throw error
    const { message, hint } = toKizunaError(error)
    return {
      inviteLink: () => undefined,
      httpPort: () => undefined,
      notices: () => [`${message} ${hint}`],
      stop: async () => {},
    }
  }
}
