import { foldText, type Term } from './words.ts'

/** Characters of a message that are shown of a hit, and how many of them before the first match. */
const SNIPPET_LENGTH = 200
const BEFORE_LENGTH = 60

/**
 * The part of a text around its first match, on one line, and where the words stand in it. Words that match only
 * somewhere else (in an attachment's name) leave the text's beginning, without marks.
 */
export function snippetOf(
  text: string,
  terms: readonly Term[],
): { snippet: string; marks: [number, number][] } {
  const flat = text.replaceAll(/\s+/g, ' ').trim()
  const places = placesOf(flat, terms)
  const firstAt = places[0]?.[0] ?? 0
  const start = wholeCharacter(flat, firstAt > BEFORE_LENGTH ? firstAt - BEFORE_LENGTH : 0)
  const end = wholeCharacter(flat, Math.min(flat.length, start + SNIPPET_LENGTH))
  const before = start > 0 ? '…' : ''
  const marks = places
    .filter(([at, length]) => at >= start && at + length <= end)
    .map(([at, length]): [number, number] => [at - start + before.length, length])
  return { snippet: `${before}${flat.slice(start, end)}${end < flat.length ? '…' : ''}`, marks }
}

/** First characters and lengths of all matches in the text, in order, without overlaps. */
function placesOf(text: string, terms: readonly Term[]): [number, number][] {
  const { folded, from } = foldWithPlaces(text)
  const places: [number, number][] = []
  for (const { text: term } of terms) {
    for (let at = folded.indexOf(term); at >= 0 && term !== ''; at = folded.indexOf(term, at + term.length)) {
      const start = from[at] as number
      places.push([start, (from[at + term.length] ?? text.length) - start])
    }
  }
  places.sort(([a], [b]) => a - b)
  return places.filter(([at], index) => {
    const before = places[index - 1]
    return before === undefined || before[0] + before[1] <= at
  })
}

/** The folded text and, for each of its characters, where it comes from. */
function foldWithPlaces(text: string): { folded: string; from: number[] } {
  let folded = ''
  const from: number[] = []
  let at = 0
  for (const letter of text) {
    const piece = foldText(letter)
    for (let index = 0; index < piece.length; index++) from.push(at)
    folded += piece
    at += letter.length
  }
  return { folded, from }
}

/** Not between the halves of a character. */
function wholeCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at
}
