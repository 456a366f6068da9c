import type { KizunaError } from '../core/kizuna-error.ts'
import type { Metrics } from '../core/metrics.ts'
import { ProtocolTakenError } from '../network/errors.ts'
import type { Network, RequestContext } from '../network/network.ts'
import type { DdsRequest, DdsResponse } from './dds-messages.js'
import { DDS_PROTOCOLS, decodeRequest, encodeResponse } from './dds-protocol.ts'
import { UnknownRequestError } from './errors.ts'

/** The kinds of request, as they are named in the envelope. */
export type DdsRequestKind = keyof DdsRequest

/**
 * Answers one kind of request: an answer message and then, for some kinds, raw chunk frames.
 * `body` gives the frames that follow the request's header; a handler reads it or leaves it.
 */
export type DdsHandler<Kind extends DdsRequestKind = DdsRequestKind> = (
  request: NonNullable<DdsRequest[Kind]>,
  body: AsyncIterator<Uint8Array>,
  context: RequestContext,
) => AsyncIterable<DdsResponse | Uint8Array>

/**
 * Listens on both protocol ids and gives each request to the handler of its kind. A request of an unknown kind,
 * or of one nobody handles, gets a typed error and its stream is closed.
 */
export class DdsServer {
  readonly #parts: { network: Network; metrics: Metrics }
  readonly #handlers = new Map<DdsRequestKind, DdsHandler>()
  #stop: (() => void)[] = []

  constructor(parts: { network: Network; metrics: Metrics }) {
    this.#parts = parts
  }

  start(): void {
    this.#stop = DDS_PROTOCOLS.map((protocol) =>
      this.#parts.network.handle(protocol, (frames, context) => this.#answer(frames, context)),
    )
  }

  stop(): void {
    for (const stop of this.#stop.splice(0)) stop()
  }

  /**
   * Takes over a kind of request; returns how to give it back, so that handlers can be changed at run time.
   * @throws ProtocolTakenError when the kind has a handler.
   */
  register<Kind extends DdsRequestKind>(kind: Kind, handler: DdsHandler<Kind>): () => void {
    if (this.#handlers.has(kind)) throw new ProtocolTakenError({ protocol: `${DDS_PROTOCOLS[0]}#${kind}` })
    this.#handlers.set(kind, handler as unknown as DdsHandler)
    return () => {
      this.#handlers.delete(kind)
    }
  }

  async *#answer(frames: AsyncIterable<Uint8Array>, context: RequestContext): AsyncGenerator<Uint8Array> {
    const body = frames[Symbol.asyncIterator]()
    let kind = 'unknown'
    try {
      const first = await body.next()
      if (first.done === true) throw new UnknownRequestError()
      const request = decodeRequest(first.value)
      const entry = Object.entries(request).find(([, value]) => value !== undefined)
      const handler = entry === undefined ? undefined : this.#handlers.get(entry[0] as DdsRequestKind)
      if (entry === undefined || handler === undefined) throw new UnknownRequestError()
      kind = entry[0]
      this.#parts.metrics.count('kizuna_dds_requests_total', { kind })
      for await (const part of handler(entry[1], body, context)) {
        yield part instanceof Uint8Array ? part : encodeResponse(part)
      }
    } catch (error) {
      const code = (error as Partial<KizunaError>).code ?? 'INTERNAL'
      this.#parts.metrics.count('kizuna_dds_refusals_total', { kind, code })
      throw error
    } finally {
      await body.return?.()
    }
  }
}
