import type { KeyObject } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type APIInteraction, InteractionResponseType, InteractionType } from 'discord.js'
import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'
import { DiscordPortTakenError, DiscordUnavailableError } from '../errors.ts'
import type { SendCallback } from '../interactions/interaction-answer.ts'
import { isSigned } from './request-signature.ts'

/** An interaction with a long form and many resolved things has some tens of KiB. */
const BODY_BYTES_MAX = 1024 ** 2
const REQUEST_MS_MAX = 5_000
const CONNECTIONS_MAX = 1_024
/** Requests that were answered lately: one that comes again is a copy. Longer than a signature is good for. */
const SEEN_MAX = 20_000

/** What the entrance needs. */
export interface EntranceParts {
  clock: Clock
  log: Logger
  /** The application's key; undefined before it is known. */
  publicKey: () => KeyObject | undefined
  answer: (interaction: APIInteraction, sendCallback: SendCallback) => Promise<void>
}

/** A second entrance for interactions: Discord posts them here, signed, instead of over the gateway. */
export interface InteractionEntrance {
  /** The port that is listened on. */
  port: number
  stop(): Promise<void>
}

/** Listens for interactions by HTTP. @throws DiscordPortTakenError */
export async function serveInteractions(
  parts: EntranceParts,
  options: { host: string; port: number },
): Promise<InteractionEntrance> {
  const seen = new Set<string>()
  const server = createServer(
    { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX },
    (request, response) => {
      receive(parts, seen, request, response).catch((error: unknown) => {
        parts.log.warn('request broke', { reason: (error as Error).message })
        if (response.headersSent) response.destroy()
        else refuse(response, 500)
      })
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  await listening(server, options)
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function receive(
  parts: EntranceParts,
  seen: Set<string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const key = parts.publicKey()
  if (request.method !== 'POST') return refuse(response, 405)
  if (key === undefined) return refuse(response, 503)
  const body = await bodyOf(request)
  if (body === undefined) return refuse(response, 413)
  const signature = String(request.headers['x-signature-ed25519'] ?? '')
  const timestamp = String(request.headers['x-signature-timestamp'] ?? '')
  if (!isSigned(key, { signature, timestamp, body }, parts.clock.now())) return refuse(response, 401)
  const interaction = interactionOf(body)
  if (interaction === undefined) return refuse(response, 400)
  if (interaction.type === InteractionType.Ping) return send(response, { type: InteractionResponseType.Pong })
  if (seen.has(interaction.id)) return refuse(response, 409)
  seen.add(interaction.id)
  if (seen.size > SEEN_MAX) seen.delete(seen.values().next().value ?? '')
  await parts.answer(interaction, async (_to, callback) => {
    if (response.destroyed || response.headersSent)
      throw new DiscordUnavailableError({ what: 'it no longer waits for the answer' })
    send(response, callback)
  })
  if (!response.headersSent) refuse(response, 500)
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.byteLength
    if (length > BODY_BYTES_MAX) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function interactionOf(body: Buffer): APIInteraction | undefined {
  try {
    const parsed = JSON.parse(body.toString()) as APIInteraction | null
    return typeof parsed === 'object' && typeof parsed?.id === 'string' && typeof parsed.type === 'number'
      ? parsed
      : undefined
  } catch {
    return undefined
  }
}

function send(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close' })
  response.end()
}

function listening(server: Server, options: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new DiscordPortTakenError({ port: options.port, systemCode: error.code ?? 'unknown' })),
    )
    server.listen(options.port, options.host, () => resolve())
  })
}
