import { KizunaError } from '../core/kizuna-error.ts'
import type { PeerId } from '../core/signing-key.ts'

/** Thrown when no path to a peer works. */
export class PeerUnreachableError extends KizunaError {
  override name = 'PeerUnreachableError'
  constructor(facts: { peer: PeerId | string; reason: string; cause?: unknown }) {
    super({
      code: 'PEER_UNREACHABLE',
      kind: 'unavailable',
      message: `Peer ${facts.peer} cannot be reached: ${facts.reason}.`,
      hint: 'It may be off or behind a router; `kizuna doctor` shows which paths were tried.',
      details: { peer: facts.peer, reason: facts.reason },
      cause: facts.cause,
    })
  }
}

/** Thrown when a peer does not speak a protocol, or refuses us at its door. */
export class RequestRefusedError extends KizunaError {
  override name = 'RequestRefusedError'
  constructor(facts: { peer: PeerId; protocol: string }) {
    super({
      code: 'REQUEST_REFUSED',
      kind: 'denied',
      message: `Peer ${facts.peer} does not answer ${facts.protocol}.`,
      hint: 'It may run another version or role; ask another peer.',
      details: facts,
    })
  }
}

/** Thrown when a connection broke before the answer was whole. */
export class ConnectionLostError extends KizunaError {
  override name = 'ConnectionLostError'
  constructor(facts: { peer: PeerId; protocol: string; cause?: unknown }) {
    super({
      code: 'CONNECTION_LOST',
      kind: 'unavailable',
      message: `The connection to ${facts.peer} broke in the middle of an answer.`,
      hint: 'Try again; transfers go on from where they stopped.',
      details: { peer: facts.peer, protocol: facts.protocol },
      cause: facts.cause,
    })
  }
}

/** Thrown when a protocol has a handler already. */
export class ProtocolTakenError extends KizunaError {
  override name = 'ProtocolTakenError'
  constructor(facts: { protocol: string }) {
    super({
      code: 'PROTOCOL_TAKEN',
      kind: 'conflict',
      message: `The protocol ${facts.protocol} has a handler already.`,
      hint: 'Take the first one away before you register another.',
      details: facts,
    })
  }
}

/** Thrown when a peer sent something that its protocol does not allow. */
export class PeerMisbehavedError extends KizunaError {
  override name = 'PeerMisbehavedError'
  constructor(facts: { peer: PeerId; reason: string }) {
    super({
      code: 'PEER_MISBEHAVED',
      kind: 'corrupt',
      message: `Peer ${facts.peer} broke the protocol: ${facts.reason}.`,
      hint: 'Nothing for you to do; other peers are asked instead.',
      details: facts,
    })
  }
}

/** Thrown when a peer, or we, ask more often than allowed. */
export class RateLimitedError extends KizunaError {
  override name = 'RateLimitedError'
  constructor(facts: { what: string; retryAfterMs: number }) {
    super({
      code: 'RATE_LIMITED',
      kind: 'busy',
      message: `Too many ${facts.what} at once.`,
      hint: `Try again in ${Math.ceil(facts.retryAfterMs / 1000)} s.`,
      details: facts,
    })
  }
}

/** Thrown when a peer has behaved so badly that it is neither asked nor answered for a while. */
export class PeerSuspendedError extends KizunaError {
  override name = 'PeerSuspendedError'
  /** `retryAfterMs` is `Infinity` for a ban. */
  constructor(facts: { peer: PeerId; by: PeerId; retryAfterMs: number }) {
    const { peer, by, retryAfterMs } = facts
    super({
      code: 'PEER_SUSPENDED',
      kind: 'denied',
      message: `Peer ${by} has suspended ${peer}.`,
      hint: Number.isFinite(retryAfterMs)
        ? `It ends by itself in ${Math.ceil(retryAfterMs / 1000)} s; look at that machine's disk and memory if it repeats.`
        : 'It sent forged data; there is nothing to wait for.',
      details: { peer, by, ...(Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}) },
    })
  }
}

/** Thrown at the start when something else listens on our port. */
export class PortTakenError extends KizunaError {
  override name = 'PortTakenError'
  constructor(facts: { port: number; host: string; cause?: unknown }) {
    super({
      code: 'PORT_TAKEN',
      kind: 'conflict',
      message: `Another program already listens on port ${facts.port} of ${facts.host}.`,
      hint: 'End that program (it may be another node), or choose another port with --port; 0 takes any free one.',
      details: { port: facts.port, host: facts.host },
      cause: facts.cause,
    })
  }
}

/** Thrown at the start when an address to listen on is not one of this machine, or needs more rights. */
export class ListenFailedError extends KizunaError {
  override name = 'ListenFailedError'
  constructor(facts: { host: string; port: number; systemCode: string; cause?: unknown }) {
    super({
      code: 'LISTEN_FAILED',
      kind: 'invalid',
      message: `It is not possible to listen on ${facts.host}, port ${facts.port} (${facts.systemCode}).`,
      hint: 'Use a host address of this machine (0.0.0.0 for all) and a port of 1024 or more.',
      details: { host: facts.host, port: facts.port, systemCode: facts.systemCode },
      cause: facts.cause,
    })
  }
}

/** Thrown when an announcement reached no peer of the DHT. */
export class NobodyToAnnounceToError extends KizunaError {
  override name = 'NobodyToAnnounceToError'
  constructor() {
    super({
      code: 'NOBODY_TO_ANNOUNCE_TO',
      kind: 'unavailable',
      message: 'No peer of the distributed hash table took the announcement.',
      hint: 'It is tried again when there are peers; `kizuna peers` shows who is connected.',
    })
  }
}
