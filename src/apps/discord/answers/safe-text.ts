/** Marks on one letter; more are zalgo. */
const MARKS_MAX = 2

/** Invisible, or changing the direction of what follows: names with them lie about what they are. */
const INVISIBLE =
  /(?![\u200c\u200d])[\p{Cc}\p{Cf}]|\u034f|\u115f|\u1160|\u17b4|\u17b5|\u3164|\uffa0|[\ufe00-\ufe0e]/gu
/** Joiners are needed inside emoji and in several scripts; rows of them are not. */
const JOINERS = /([\u200c\u200d])[\u200c\u200d]+/gu
const MARKS = new RegExp(`(\\p{M}{${MARKS_MAX}})\\p{M}+`, 'gu')
/** What Discord's markdown takes for a sign, anywhere and at the start of a line. */
const MARKDOWN = /[\\*_~`|[\]<]/g
/** A sign, or the dot of a number, which alone would make a list; a backslash before a digit would be seen. */
const MARKDOWN_AT_START = /^[#>-]|(?<=^\d+)\.(?=\s|$)/

/**
 * A stranger's text (names, file names, labels) as it may stand in an answer: one line, no invisible signs, no towers
 * of marks, no markdown, no mention; at most `lengthMax` characters.
 */
export function safeText(text: string, lengthMax = 200): string {
  return clip(plainText(text), lengthMax)
    .replaceAll(MARKDOWN, (sign) => `\\${sign}`)
    .replace(MARKDOWN_AT_START, (sign) => `\\${sign}`)
    .replaceAll('@', '@\u200b')
    .replaceAll('://', ':\u200b//')
}

/** A sentence of ours, which may name strangers' things; what stands in backticks is shown as code. */
export function prose(text: string, lengthMax = 500): string {
  return clip(text, lengthMax)
    .split(/(`[^`]*`)/)
    .map((part) => {
      if (/^`[^`]+`$/.test(part)) return code(part.slice(1, -1))
      const [before = '', after = ''] = [/^\s*/, /\s*$/].map((edge) => edge.exec(part)?.[0] ?? '')
      return part.trim() === '' ? part : `${before && ' '}${safeText(part, lengthMax)}${after && ' '}`
    })
    .join('')
}

/** The same without escapes, for places that know no markdown: labels of buttons, choices, file names. */
export function plainText(text: string, lengthMax = Number.POSITIVE_INFINITY): string {
  const line = wellFormed(text)
    .normalize('NFC')
    .replaceAll(/[^\S\ufeff]+/gu, ' ')
    .replaceAll(INVISIBLE, '')
    .replaceAll(JOINERS, '$1')
    .replaceAll(MARKS, '$1')
    .trim()
  return clip(line, lengthMax)
}

/** An id or a command inside backticks, where markdown does not count. */
export function code(text: string, lengthMax = 300): string {
  return `\`${plainText(text, lengthMax).replaceAll('`', 'ˋ')}\``
}

/** At most `lengthMax` characters (UTF-16, as Discord counts), ended by … when something was left out; cuts no pair. */
export function clip(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text
  const end = /[\ud800-\udbff]$/.test(text.slice(0, lengthMax - 1)) ? lengthMax - 2 : lengthMax - 1
  return `${text.slice(0, Math.max(0, end))}…`
}

function wellFormed(text: string): string {
  return text.toWellFormed()
}
