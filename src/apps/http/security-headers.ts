const ONE_YEAR_S = 31_536_000

/**
 * Headers of every answer, refusals too. A route that serves pages may loosen the policy for itself; nothing may loosen
 * the rest: types are not guessed, addresses (with what stands in them) are told to nobody, and no other page may show or
 * read an answer. There is no CORS header anywhere: other origins are refused before they get that far.
 */
export function securityHeaders({ encrypted }: { encrypted: boolean }): Readonly<Record<string, string>> {
  return {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy':
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'x-frame-options': 'DENY',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    ...(encrypted ? { 'strict-transport-security': `max-age=${ONE_YEAR_S}` } : {}),
  }
}
