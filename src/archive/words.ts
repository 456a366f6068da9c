/** Scripts that are written without spaces between words (Hangul has some, but not between all). */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー々〆]+/gu

/** Accents of Latin, Greek and Cyrillic letters; the marks of other scripts make other letters. */
const MARKS = /[\u0300-\u036f]/g

/** Words of one question; more would not make it clearer. */
const TERMS_MAX = 12
const TERM_LENGTH_MAX = 100
/** A shorter beginning, or a third one, is taken as a whole word: the index would put together half of all it has. */
const BEGINNING_LENGTH_MIN = 3
const BEGINNINGS_MAX = 2

/** What a question asks for. */
export interface Question {
  /** Each must occur. */
  terms: readonly Term[]
  /** None may occur. */
  without: readonly Term[]
}

/** A word or a phrase as it stands in the text, normalised; `isBeginning` when more letters may follow. */
export interface Term {
  text: string
  isBeginning: boolean
}

/**
 * The same letters however they were typed: full-width forms as plain ones, marks off letters, small letters.
 * What is left has one place for each place of the text only when the text needs none of this.
 */
export function foldText(text: string): string {
  return text.normalize('NFKD').replaceAll(MARKS, '').normalize('NFKC').toLowerCase()
}

/**
 * The text as the index takes it. Runs of unspaced scripts become pairs of neighbours (京都府 → 京都 都府 府), so that
 * any part of a run can be found, also one of two characters, which three-character indexes miss.
 */
export function indexedText(text: string): string {
  return foldText(text).replaceAll(UNSPACED, (run) => ` ${pairsOf(run, true).join(' ')} `)
}

/** Words, “phrases”, beginnings* and -exclusions of a question; without any word there is nothing to look for. */
export function readQuestion(text: string): Question {
  const terms: Term[] = []
  const without: Term[] = []
  for (const [, minus, phrase, word] of text
    .replaceAll(/\p{Cc}/gu, ' ')
    .matchAll(/(-?)(?:["“„«]([^"”»]*)["”»]?|(\S+))/gu)) {
    const folded = foldText(phrase ?? word ?? '')
      .slice(0, TERM_LENGTH_MAX)
      .trim()
    const bare = folded.replaceAll(/\*+$/g, '')
    const isBeginning =
      phrase === undefined &&
      folded.endsWith('*') &&
      bare.length >= BEGINNING_LENGTH_MIN &&
      [...terms, ...without].filter((term) => term.isBeginning).length < BEGINNINGS_MAX
    if (!/[\p{L}\p{N}]/u.test(bare)) continue
    if (terms.length + without.length >= TERMS_MAX) break
    ;(minus === '-' ? without : terms).push({ text: bare, isBeginning })
  }
  return { terms, without }
}

/** The question for FTS5, to be put to the column of words. Nothing of it is taken as FTS5's own language. */
export function matchOf({ terms, without }: Question): string {
  const wanted = terms.map(matchOfTerm).join(' AND ')
  const unwanted = without.map(matchOfTerm)
  return unwanted.length === 0 ? wanted : `(${wanted}) NOT (${unwanted.join(' OR ')})`
}

function matchOfTerm({ text, isBeginning }: Term): string {
  // One phrase for the spaced words and the pairs of each unspaced run, in their order.
  const parts: string[] = []
  let last = 0
  let endsInOne = false
  for (const { 0: run, index } of text.matchAll(UNSPACED)) {
    parts.push(text.slice(last, index))
    const pairs = pairsOf(run, false)
    parts.push(pairs.join(' '))
    last = index + run.length
    // A single character is found as the beginning of a pair.
    endsInOne = pairs.length === 1 && [...run].length === 1
  }
  const tail = text.slice(last)
  parts.push(tail)
  const phrase = parts
    .map((part) => part.replaceAll('"', ' ').trim())
    .filter((part) => part !== '')
    .join(' ')
  const prefix = isBeginning || (endsInOne && tail === '') ? '*' : ''
  return `"${phrase}"${prefix}`
}

function pairsOf(run: string, withLast: boolean): string[] {
  const letters = [...run]
  if (letters.length === 1) return letters
  const pairs = letters.slice(1).map((letter, index) => `${letters[index]}${letter}`)
  return withLast ? [...pairs, letters.at(-1) as string] : pairs
}
