import type { PeerId } from '../core/signing-key.ts'
import { ConnectionLostError } from '../network/errors.ts'
import type { CallOptions, Network } from '../network/network.ts'
import type { TaskId, TaskKind, TaskLoad } from './task.ts'
import type { TasksDoor } from './tasks-door.ts'
import {
  decodeLoad,
  decodeLook,
  decodePulled,
  decodeVerdict,
  encodeTasksRequest,
  type LookAnswer,
  type PulledTask,
  TASKS_PROTOCOL,
  type TasksRequest,
  type TasksVerdict,
} from './tasks-protocol.ts'

/** Asks members about tasks; ourselves without the network, by the same door. */
export class TasksClient {
  readonly #network: Network
  readonly #door: () => TasksDoor

  constructor(parts: { network: Network; door: () => TasksDoor }) {
    this.#network = parts.network
    this.#door = parts.door
  }

  async probe(peer: PeerId, options: CallOptions): Promise<TaskLoad> {
    return decodeLoad(await this.#ask(peer, { op: 'probe' }, options))
  }

  async offer(peer: PeerId, count: number, options: CallOptions): Promise<boolean> {
    return decodeVerdict(await this.#ask(peer, { op: 'offer', count }, options)).ok
  }

  async pull(
    peer: PeerId,
    kinds: readonly TaskKind[],
    options: CallOptions,
  ): Promise<PulledTask | undefined> {
    return decodePulled(await this.#ask(peer, { op: 'pull', kinds }, options))
  }

  /** Everything that is answered by yes or no. */
  async tell(
    peer: PeerId,
    request: Extract<TasksRequest, { op: 'claim' | 'renew' | 'begin' | 'commit' | 'release' | 'cancel' }>,
    options: CallOptions,
  ): Promise<TasksVerdict> {
    return decodeVerdict(await this.#ask(peer, request, options))
  }

  async look(peer: PeerId, which: { task: TaskId; part: number }, options: CallOptions): Promise<LookAnswer> {
    return decodeLook(await this.#ask(peer, { op: 'look', ...which }, options))
  }

  async #ask(peer: PeerId, request: TasksRequest, options: CallOptions): Promise<Uint8Array> {
    if (peer === this.#network.peerId) return this.#door().reply(request, peer)
    let answer: Uint8Array | undefined
    // Read to the end: an answer that is left early costs the stream it came on.
    for await (const frame of this.#network.request(
      peer,
      TASKS_PROTOCOL,
      [encodeTasksRequest(request)],
      options,
    ))
      answer ??= Uint8Array.from(frame)
    if (answer === undefined) throw new ConnectionLostError({ peer, protocol: TASKS_PROTOCOL })
    return answer
  }
}
