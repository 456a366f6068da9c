import { commandList } from '../../commands/command-list.ts'
import { Secret } from '../../core/secret.ts'
import { removeApiFile, writeApiFile } from '../../node/api-file.ts'
import type { ConfigSources } from '../../node/config.ts'
import type { NodeConfig } from '../../node/config-schema.ts'
import { createNode } from '../../node/create-node.ts'
import type { Services } from '../../node/services.ts'
import { VERSION } from '../../node/version.ts'
import { startHttpServer } from '../http/start-http-server.ts'

/** 256 bits of chance: whoever has the token owns the node. */
const TOKEN_BYTES = 32

/** A running node with its API. */
export interface ServedNode {
  services: Services
  /** `http://host:port`. */
  url: string
  token: Secret<string>
  /** Saves everything and ends; under 5 s. */
  stop(): Promise<void>
}

/**
 * Starts a node and its HTTP API, and tells other programs of this user where it is.
 * @throws what the node or the API cannot start for; then nothing is left running.
 */
export async function serveNode(
  config: NodeConfig,
  options: { sources?: ConfigSources } = {},
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
    await writeApiFile(services.disk, { url: http.url, token: token.reveal(), pid: process.pid })
    return {
      services,
      url: http.url,
      token,
      async stop() {
        await removeApiFile(services.disk).catch(() => services.log.warn('api.json not removed'))
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
