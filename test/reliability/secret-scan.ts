/** Looks for secrets in whatever a program lets out, in every dress in which they might go. */
export class SecretScan {
  /** Secret's name → the forms of it that are looked for. */
  readonly #secrets = new Map<string, readonly string[]>()
  readonly failures: string[] = []
  outputs = 0
  bytes = 0

  get secrets(): number {
    return this.#secrets.size
  }

  /** Text as it is, in base64, base64url, hex and percent signs; bytes in all but the first. */
  add(name: string, secret: string | Uint8Array): void {
    const bytes = Buffer.from(secret)
    const forms = [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')]
    if (typeof secret === 'string')
      forms.push(secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1))
    else
      forms.push(
        bytes.toString('latin1'),
        bytes.toString('hex').toUpperCase(),
        [...bytes].join(','),
        [...bytes].join(', '),
      )
    // Base64 of a longer thing that holds it has other letters at the ends.
    this.#secrets.set(name, [...new Set(forms.map((form) => form.replace(/=+$/, '')))])
  }

  /** Whether a secret is in there, in any of its forms. */
  finds(name: string, content: Uint8Array): boolean {
    const text = Buffer.from(content).toString('latin1')
    return (this.#secrets.get(name) ?? []).some((form) => text.includes(form))
  }

  /** Notes every secret in an output, but for those that it is there to show. */
  look(output: string, content: string | Uint8Array, except: readonly string[] = []): void {
    const text = typeof content === 'string' ? content : Buffer.from(content).toString('latin1')
    this.outputs++
    this.bytes += text.length
    for (const [name, forms] of this.#secrets) {
      if (!except.includes(name) && forms.some((form) => text.includes(form)))
        this.failures.push(`${name} in ${output}`)
    }
  }
}
