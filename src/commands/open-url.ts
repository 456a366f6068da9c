import { lookup } from 'node:dns'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { KizunaError } from '../core/kizuna-error.ts'
import type { Services } from '../node/services.ts'

const REDIRECTS_MAX = 5
/** Until the answer begins, and between two pieces of it. */
const SILENCE_MS = 30_000
const SIZE_BYTES_MAX = 64 * 1024 ** 3
const NAME_LENGTH_MAX = 200

/** Addresses that are no internet: this machine, local networks, and what is reserved (RFC 6890, RFC 4291). */
const LOCAL = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  LOCAL.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 127],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  LOCAL.addSubnet(network, prefix, 'ipv6')
}

/** What an address gives. */
export interface UrlSource {
  /** From the answer or the address; a stranger's text. */
  name: string
  /** When the answer says it. */
  sizeBytes: number | undefined
  bytes: AsyncIterable<Uint8Array>
}

/** Thrown when an address gives nothing to share. */
export class UrlUnreadableError extends KizunaError {
  override name = 'UrlUnreadableError'
  constructor(facts: { url: string; reason: string; isLocal?: boolean; cause?: unknown }) {
    super({
      code: 'URL_UNREADABLE',
      kind: facts.isLocal === true ? 'denied' : 'unavailable',
      message: `${facts.url} gives nothing to share: ${facts.reason}.`,
      hint:
        facts.isLocal === true
          ? 'The node’s owner allows it with `kizuna config set localUrls true`.'
          : 'Open it in a browser to see whether it works, or download it and share the file.',
      details: { url: facts.url },
      cause: facts.cause,
    })
  }
}

/**
 * Opens a web address. The addresses behind its name are checked where the connection is made, so that a name
 * cannot be made to lead into the local network, also not by a redirect.
 * @throws UrlUnreadableError
 */
export async function openUrl(
  { clock, config }: Pick<Services, 'clock' | 'config'>,
  url: string,
  signal: AbortSignal,
): Promise<UrlSource> {
  const lookupHost = config.localUrls ? undefined : publicLookup(url)
  let target = new URL(url)
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    if (!config.localUrls && isLocalAddress(target.hostname)) throw localRefusal(url)
    const { request, answer } = await ask(target, { url, signal, lookupHost, clock })
    const { statusCode = 0, headers } = answer
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      answer.destroy()
      target = redirectTarget(headers.location, target, url)
      continue
    }
    if (statusCode !== 200) {
      answer.destroy()
      throw new UrlUnreadableError({ url, reason: `it answers with status ${statusCode}` })
    }
    const length = Number(headers['content-length'])
    const sizeBytes =
      Number.isSafeInteger(length) && headers['content-length'] !== undefined ? length : undefined
    return {
      name: nameOf(target, headers['content-disposition']),
      sizeBytes,
      bytes: piecesOf(answer, request, { url, signal, clock }),
    }
  }
  throw new UrlUnreadableError({ url, reason: `it leads on more than ${REDIRECTS_MAX} times` })
}

async function ask(
  target: URL,
  options: {
    url: string
    signal: AbortSignal
    lookupHost: LookupFunction | undefined
    clock: Services['clock']
  },
): Promise<{ request: ClientRequest; answer: IncomingMessage }> {
  const { url, signal, lookupHost, clock } = options
  const { get } = target.protocol === 'https:' ? await import('node:https') : await import('node:http')
  return await new Promise((resolve, reject) => {
    const request = get(target, {
      signal,
      agent: false,
      headers: { 'accept-encoding': 'identity', 'user-agent': 'kizuna' },
      ...(lookupHost === undefined ? {} : { lookup: lookupHost }),
    })
    const silence = clock.after(SILENCE_MS, () => request.destroy(new Error('no answer in time')))
    request.once('response', (answer) => {
      silence.stop()
      resolve({ request, answer })
    })
    request.once('error', (cause) => {
      silence.stop()
      if (signal.aborted) reject(signal.reason)
      else if (cause instanceof UrlUnreadableError) reject(cause)
      else reject(new UrlUnreadableError({ url, reason: reasonOf(cause), cause }))
    })
  })
}

async function* piecesOf(
  answer: IncomingMessage,
  request: ClientRequest,
  { url, signal, clock }: { url: string; signal: AbortSignal; clock: Services['clock'] },
): AsyncGenerator<Uint8Array> {
  const watch = () => clock.after(SILENCE_MS, () => request.destroy(new Error('it fell silent')))
  let silence = watch()
  let sizeBytes = 0
  try {
    for await (const piece of answer) {
      silence.stop()
      sizeBytes += (piece as Buffer).byteLength
      if (sizeBytes > SIZE_BYTES_MAX) throw new Error(`it has more than ${SIZE_BYTES_MAX} bytes`)
      yield piece as Buffer
      silence = watch()
    }
    if (!answer.complete) throw new Error('it broke off')
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    throw new UrlUnreadableError({ url, reason: reasonOf(cause), cause })
  } finally {
    silence.stop()
    answer.destroy()
  }
}

/** Resolves names, and refuses those that lead to a local address, at the moment of connecting. */
function publicLookup(url: string): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const isLocal = addresses.some(({ address }) => isLocalAddress(address))
      if (isLocal) return callback(localRefusal(url), [])
      if (options.all === true) return callback(null, addresses)
      const [first] = addresses
      callback(null, first?.address ?? '', first?.family)
    })
  }
}

function isLocalAddress(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '')
  const family = isIP(address)
  return family !== 0 && LOCAL.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

function localRefusal(url: string): UrlUnreadableError {
  return new UrlUnreadableError({ url, reason: 'it leads into the local network', isLocal: true })
}

function redirectTarget(location: string, from: URL, url: string): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (target !== undefined && /^https?:$/.test(target.protocol)) return target
  throw new UrlUnreadableError({ url, reason: 'it leads on to no web address' })
}

function nameOf(target: URL, disposition: string | undefined): string {
  const quoted = /filename="([^"]{1,200})"/i.exec(disposition ?? '')?.[1]
  const last = target.pathname.split('/').findLast((part) => part !== '') ?? target.hostname
  return (quoted ?? decoded(last)).slice(0, NAME_LENGTH_MAX)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  return code === undefined ? message : `${message} (${code})`
}
