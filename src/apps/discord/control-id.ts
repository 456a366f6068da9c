import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { SigningKey } from '../../core/signing-key.ts'
import { ControlRefusedError } from './errors.ts'

/** Discord takes no longer ones. */
export const CONTROL_ID_LENGTH_MAX = 100
/** 72 bits: guessing goes over Discord, one at a time, and every guess is counted. */
const MAC_BYTES = 9
const SEPARATOR = '~'

/** What a button, menu or form stands for. Everything needed is in its id, so it outlives a restart of the bot. */
export interface Control {
  /** What to do, such as `page` or `get`. */
  does: string
  /** The one who may press it; everybody when absent. */
  user?: string
  /** Short texts without `~`, such as an id or an offset. */
  facts: readonly string[]
}

/** Makes and reads the ids of buttons, menus and forms, with a key that only this node has. */
export class ControlIds {
  readonly #key: Uint8Array

  constructor(key: Pick<SigningKey, 'seed'>) {
    this.#key = new Uint8Array(
      hkdfSync('sha256', key.seed, new Uint8Array(0), 'kizuna discord controls 1', 32),
    )
  }

  /** The signed id, or undefined when it would be too long for Discord: then the control is left out. */
  make({ does, user, facts }: Control): string | undefined {
    const body = [does, user === undefined ? '' : BigInt(user).toString(36), ...facts].join(SEPARATOR)
    const id = `${body}${SEPARATOR}${this.#mac(body)}`
    return id.length > CONTROL_ID_LENGTH_MAX || facts.some((fact) => fact.includes(SEPARATOR))
      ? undefined
      : id
  }

  /**
   * What an id stands for, when `user` may use it.
   * @throws ControlRefusedError when we did not make it, or made it for somebody else.
   */
  read(id: string, user: string): Control {
    const end = id.lastIndexOf(SEPARATOR)
    const body = id.slice(0, Math.max(end, 0))
    const given = Buffer.from(id.slice(end + 1))
    const wanted = Buffer.from(this.#mac(body))
    if (end < 0 || given.byteLength !== wanted.byteLength || !timingSafeEqual(given, wanted))
      throw new ControlRefusedError({ reason: 'forged' })
    const [does = '', owner = '', ...facts] = body.split(SEPARATOR)
    if (owner !== '' && owner !== BigInt(user).toString(36))
      throw new ControlRefusedError({ reason: 'foreign' })
    return { does, ...(owner === '' ? {} : { user }), facts }
  }

  #mac(body: string): string {
    return createHmac('sha256', this.#key).update(body).digest().subarray(0, MAC_BYTES).toString('base64url')
  }
}
