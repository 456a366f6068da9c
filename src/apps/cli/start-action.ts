import { toKizunaError } from '../../core/kizuna-error.ts'
import { loadConfig } from '../../node/config.ts'
import type { Environment } from '../../node/environment.ts'
import { loadSecrets } from '../../node/secrets.ts'
import type { Services } from '../../node/services.ts'
import { EXIT_CODES, EXIT_OK } from './exit-codes.ts'
import { configSources } from './open-node.ts'
import type { ParsedWords } from './parse-words.ts'
import { type ServedNode, serveNode } from './serve-node.ts'
import { safeText, type Terminal } from './terminal.ts'

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Errors of sockets that some library left without a listener: the connection is gone, the node is well. */
const SOCKET_ERRORS = [
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNABORTED',
]

/**
 * `kizuna start`: runs a node until a signal of the system, the end of its parent, or a defect.
 * @param signal aborts when the parent is gone.
 * @returns the exit code.
 */
export async function startAction(
  { terminal, environment, signal }: { terminal: Terminal; environment: Environment; signal: AbortSignal },
  parsed: ParsedWords,
): Promise<number> {
  const { stopWithParent, discord, ...settings } = parsed.values
  const flags = { ...settings, ...(parsed.home === undefined ? {} : { home: parsed.home }) }
  const sources = await configSources(environment, flags)
  const end = endOfRun({ stopWithInput: stopWithParent === true, signal })
  let served: ServedNode
  try {
    served = await serveNode(loadConfig(sources), {
      sources,
      secrets: await loadSecrets(environment.secretVariables),
      awsRegion: environment.awsRegion,
      demandDiscord: discord === true,
    })
  } catch (error) {
    end.release()
    throw error
  }
  const { services, url, token } = served
  end.onDefect((error) => services.log.error('defect', { error }))
  if (parsed.json) {
    const { network } = services
    const line = {
      ready: true,
      peerId: network.peerId,
      addresses: network.addresses(),
      api: url,
      token: token.reveal(),
      pid: process.pid,
      ...(served.discord === undefined ? {} : { discord: served.discord }),
    }
    terminal.print(JSON.stringify(line))
  } else terminal.print(bannerOf(services, served))
  const reason = await end.reached
  end.release()
  if (!parsed.json) terminal.note('Stopping …')
  try {
    await served.stop()
  } catch (error) {
    const known = toKizunaError(error)
    terminal.note(`${known.message}\n  ${known.hint}`)
  }
  return reason === 'defect' ? EXIT_CODES.internal : EXIT_OK
}

/** What ends the run. A second signal ends it at once. */
function endOfRun({ stopWithInput, signal: parent }: { stopWithInput: boolean; signal: AbortSignal }) {
  let report: (error: unknown) => void = () => {}
  const reached = new Promise<'signal' | 'parent' | 'defect'>((resolve) => {
    for (const signal of STOP_SIGNALS) {
      process.once(signal, () => {
        resolve('signal')
        process.once(signal, () => process.exit(EXIT_CODES.internal))
      })
    }
    if (parent.aborted) resolve('parent')
    parent.addEventListener('abort', () => resolve('parent'), { once: true })
    if (stopWithInput) {
      process.stdin.once('close', () => resolve('parent'))
      process.stdin.once('end', () => resolve('parent'))
      process.stdin.resume()
    }
    process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
      report(error)
      if (!SOCKET_ERRORS.includes(error.code ?? '')) resolve('defect')
    })
    // A promise nobody waited for changes nothing that was saved: note it and go on serving.
    process.on('unhandledRejection', (error) => report(error))
  })
  return {
    reached,
    /** Standard input no longer keeps the process alive. */
    release() {
      if (stopWithInput) process.stdin.destroy()
    },
    onDefect(listener: (error: unknown) => void) {
      report = listener
    },
  }
}

function bannerOf(services: Services, { url, discord }: ServedNode): string {
  const { network, membership, config } = services
  const space = membership.space()
  const members = membership.members().length
  const addresses = network.addresses()
  const lines = [
    `Kizuna is running: ${safeText(config.label || network.peerId)}`,
    `  space      ${safeText(space.name)}, ${members === 1 ? 'only you so far' : `${members} members`}, ${space.admission === 'open' ? 'open: whoever reaches it may join and read' : 'by invite only'}`,
    `  data       ${config.home}`,
    `  API        ${url} (its token is in api.json there)`,
    `  addresses  ${addresses[0] ?? 'none yet'}`,
    ...addresses.slice(1).map((address) => `             ${address}`),
    ...(discord === undefined ? [] : discordLines(discord)),
    '',
    'What next, in another window:',
    '  kizuna share FILE     share something',
    '  kizuna invite         a link and QR code for another machine',
    '  kizuna status         how the node is',
    ...(space.admission === 'open'
      ? ['  kizuna config set admission invite     let in only whom you invite']
      : []),
    '',
    'Started from a checkout, `kizuna` is `npm run --silent kizuna --`. Ctrl-C stops the node.',
  ]
  return lines.join('\n')
}

function discordLines({ inviteLink, notices, httpPort }: NonNullable<ServedNode['discord']>): string[] {
  return [
    ...(inviteLink === undefined ? [] : [`  Discord    add the bot to a server: ${inviteLink}`]),
    ...(httpPort === undefined
      ? []
      : [`  Discord    takes interactions by HTTP on port ${httpPort}, behind a proxy with TLS`]),
    ...notices.map((notice) => `  Discord    ${safeText(notice)}`),
  ]
}
