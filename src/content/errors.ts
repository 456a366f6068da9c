import type { ContentId } from '../core/content-id.ts'
import { KizunaError } from '../core/kizuna-error.ts'
import type { PeerId } from '../core/signing-key.ts'

/** What a peer that was asked answered, or why it did not. */
export interface AskedPeer {
  peer: PeerId
  /** Short and stable: `not-found`, `unreachable`, `refused`, `corrupt`, `busy`, `timeout`, `connection-lost`, `error`. */
  reason: string
}

/** How many asked peers an error carries; more would flood logs and answers. */
const ASKED_SHOWN_MAX = 32

/** Thrown when nobody has the content, as far as every source of knowledge says. */
export class ContentNotFoundError extends KizunaError {
  override name = 'ContentNotFoundError'
  constructor(facts: { id: ContentId; asked: readonly AskedPeer[] }) {
    super({
      code: 'CONTENT_NOT_FOUND',
      kind: 'missing',
      message: `Nobody we can ask has ${facts.id} (${facts.asked.length} peers asked).`,
      hint: 'Check the id, or wait until a member who has it is online; `kizuna doctor <id>` shows what was tried.',
      details: { id: facts.id, asked: facts.asked.slice(0, ASKED_SHOWN_MAX) },
    })
  }
}

/** Thrown when somebody is known to have the content and none of those can be reached. */
export class ContentUnreachableError extends KizunaError {
  override name = 'ContentUnreachableError'
  constructor(facts: { id: ContentId; asked: readonly AskedPeer[]; missingChunks?: number }) {
    const part = facts.missingChunks === undefined ? '' : ` ${facts.missingChunks} chunks are still missing.`
    super({
      code: 'CONTENT_UNREACHABLE',
      kind: 'unavailable',
      message: `Those who have ${facts.id} cannot be reached now.${part}`,
      hint: 'Try again later: what was fetched is kept. `kizuna doctor <id>` names the peers and the failing step.',
      details: { id: facts.id, asked: facts.asked.slice(0, ASKED_SHOWN_MAX) },
    })
  }
}

/** Thrown when those who have the content refuse to give it to us. */
export class ContentRefusedError extends KizunaError {
  override name = 'ContentRefusedError'
  constructor(facts: { id: ContentId; asked: readonly AskedPeer[] }) {
    super({
      code: 'CONTENT_REFUSED',
      kind: 'denied',
      message: `Those who have ${facts.id} refuse to give it to us.`,
      hint: 'Their space may be closed to you: ask a member for an invite and run `kizuna join`.',
      details: { id: facts.id, asked: facts.asked.slice(0, ASKED_SHOWN_MAX) },
    })
  }
}

/** Thrown when what can be had under this id is not the content that was meant. */
export class ContentCorruptError extends KizunaError {
  override name = 'ContentCorruptError'
  constructor(facts: { id: ContentId; reason: string; asked?: readonly AskedPeer[]; cause?: unknown }) {
    super({
      code: 'CONTENT_CORRUPT',
      kind: 'corrupt',
      message: `The content ${facts.id} is damaged or forged: ${facts.reason}.`,
      hint: 'Nothing wrong was written. Ask the publisher to share it again, or check the id you were given.',
      details: {
        id: facts.id,
        reason: facts.reason,
        ...(facts.asked === undefined ? {} : { asked: facts.asked.slice(0, ASKED_SHOWN_MAX) }),
      },
      cause: facts.cause,
    })
  }
}

/** Thrown when encrypted content is read without its key, or with another one. */
export class ContentKeyError extends KizunaError {
  override name = 'ContentKeyError'
  constructor(facts: { id: ContentId; given: boolean }) {
    super({
      code: facts.given ? 'CONTENT_KEY_WRONG' : 'CONTENT_KEY_MISSING',
      kind: 'denied',
      message: facts.given
        ? `The key given does not open ${facts.id}.`
        : `The content ${facts.id} is encrypted and no key was given.`,
      hint: 'Use the whole link as you got it: the key is the part after `#`.',
      details: { id: facts.id },
    })
  }
}

/** Thrown when a request on the DDS protocol is of no kind we know. */
export class UnknownRequestError extends KizunaError {
  override name = 'UnknownRequestError'
  constructor() {
    super({
      code: 'UNKNOWN_REQUEST',
      kind: 'invalid',
      message: 'The request is of a kind this node does not know.',
      hint: 'The asker speaks a newer or another protocol; both should run the same version.',
    })
  }
}

/** Thrown when this node's role does not serve others. */
export class NotServingError extends KizunaError {
  override name = 'NotServingError'
  constructor() {
    super({
      code: 'NOT_SERVING',
      kind: 'denied',
      message: 'This node only downloads; it serves nothing.',
      hint: 'Ask a full node.',
    })
  }
}

/** Thrown when somebody who may not ask does. */
export class UnauthorisedPeerError extends KizunaError {
  override name = 'UnauthorisedPeerError'
  constructor(facts: { peer: PeerId }) {
    super({
      code: 'UNAUTHORISED_PEER',
      kind: 'denied',
      message: `Peer ${facts.peer} is no member of this space.`,
      hint: 'Join the space first with `kizuna join`.',
      details: facts,
    })
  }
}
