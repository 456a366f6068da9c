import { hash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { LimitExceededError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { Secret } from '../core/secret.ts'
import type { IndexDatabase } from '../storage/index-database.ts'

/** What a token may do: look and fetch; also send and keep; everything, as the owner. Each includes those before it. */
export const TOKEN_SCOPES = ['read', 'write', 'admin'] as const
export type TokenScope = (typeof TOKEN_SCOPES)[number]

const STEPS = [
  `CREATE TABLE api_token (
     id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, scope TEXT NOT NULL, label TEXT NOT NULL,
     space TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
   ) STRICT;`,
]
/** 256 bits of chance. */
const TOKEN_BYTES = 32
const ID_BYTES = 6
/** How every token begins, so that programs that look for leaked secrets know one when they see it. */
const TOKEN_START = 'kizuna_'
const TOKENS_MAX = 100

/** A token as its owner sees it later; never the token itself. */
export interface TokenFacts {
  /** 12 hex digits; no secret. */
  id: string
  scope: TokenScope
  label: string
  /** Milliseconds since 1970. */
  createdAt: number
  expiresAt: number
}

/** Why a token that was made here opens nothing. */
export type TokenFault = 'expired' | 'other space'

/** Tokens for programs that shall not own the node: each with a scope, an end, and one space. Only their hashes are kept. */
export class ApiTokens {
  readonly #parts: { index: IndexDatabase; clock: Clock; random: Random; space: () => string }

  /** @param parts.space the space that the node is in: a token opens only the one it was made in. */
  constructor(parts: { index: IndexDatabase; clock: Clock; random: Random; space: () => string }) {
    this.#parts = parts
    parts.index.migrate('api tokens', STEPS)
  }

  /** Makes a token; it is shown this once. @throws LimitExceededError */
  create(wish: { scope: TokenScope; label: string; lifetimeMs: number }): {
    token: Secret<string>
    facts: TokenFacts
  } {
    const { index, clock, random } = this.#parts
    const createdAt = clock.now()
    const count = index.get<{ count: number }>('SELECT count(*) AS count FROM api_token')?.count ?? 0
    if (count >= TOKENS_MAX) throw new LimitExceededError({ what: 'The number of tokens', limit: TOKENS_MAX })
    const token = TOKEN_START + Buffer.from(random.bytes(TOKEN_BYTES)).toString('base64url')
    const facts: TokenFacts = {
      id: Buffer.from(random.bytes(ID_BYTES)).toString('hex'),
      scope: wish.scope,
      label: wish.label,
      createdAt,
      expiresAt: createdAt + wish.lifetimeMs,
    }
    index.run(
      'INSERT INTO api_token (id, digest, scope, label, space, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      facts.id,
      digestOf(token),
      facts.scope,
      facts.label,
      this.#parts.space(),
      createdAt,
      facts.expiresAt,
    )
    return { token: new Secret(token), facts }
  }

  /** All tokens, the newest first; expired ones too, until they are revoked. */
  list(): TokenFacts[] {
    return this.#parts.index.all<TokenFacts>(
      'SELECT id, scope, label, created_at AS createdAt, expires_at AS expiresAt FROM api_token ORDER BY created_at DESC, id',
    )
  }

  /** Makes a token void at once; false when there is none with this id. */
  revoke(id: string): boolean {
    return this.#parts.index.run('DELETE FROM api_token WHERE id = ?', id).changes > 0
  }

  /**
   * What a token opens. It is looked up by its hash, so that how long it takes tells nothing about the tokens there are.
   * @returns undefined when it was not made here, or was revoked.
   */
  check(token: string): { id: string; scope: TokenScope } | { fault: TokenFault } | undefined {
    if (!token.startsWith(TOKEN_START)) return undefined
    const row = this.#parts.index.get<{ id: string; scope: TokenScope; space: string; expiresAt: number }>(
      'SELECT id, scope, space, expires_at AS expiresAt FROM api_token WHERE digest = ?',
      digestOf(token),
    )
    if (row === undefined) return undefined
    if (row.expiresAt <= this.#parts.clock.now()) return { fault: 'expired' }
    if (row.space !== this.#parts.space()) return { fault: 'other space' }
    return { id: row.id, scope: row.scope }
  }
}

function digestOf(token: string): Uint8Array {
  return hash('sha256', token, 'buffer')
}
