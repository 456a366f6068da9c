/** What one message holds as `content`. */
export const CONTENT_LENGTH_MAX = 2_000
/** What all text displays of one message hold together. */
export const CARD_LENGTH_MAX = 4_000
/** More messages than this in a row are a flood: what is left goes into a file. */
export const PARTS_MAX = 5

/**
 * Cuts a text into pieces that fit into messages: at lines where possible, else at spaces, never inside a pair of
 * surrogates. Code fences are closed and opened again. Together the pieces hold every character.
 */
export function splitText(text: string, lengthMax: number = CONTENT_LENGTH_MAX): string[] {
  const pieces: string[] = []
  let rest = text
  let fence = ''
  while (fence.length + rest.length > lengthMax) {
    const room = lengthMax - fence.length - FENCE_END.length
    const at = cutAt(rest, room)
    const piece = rest.slice(0, at)
    const open = fenceAfter(piece, fence)
    pieces.push(`${fence}${piece.trimEnd()}${open === '' ? '' : FENCE_END}`)
    fence = open
    rest = rest.slice(at).replace(/^[ \n]/, '')
  }
  if (rest.trim() !== '' || pieces.length === 0) pieces.push(`${fence}${rest}`)
  return pieces
}

const FENCE_END = '\n```'

function cutAt(text: string, room: number): number {
  const part = text.slice(0, room)
  const line = part.lastIndexOf('\n')
  if (line > room / 2) return line
  const space = part.lastIndexOf(' ')
  if (space > room / 2) return space
  return /[\ud800-\udbff]$/.test(part) ? room - 1 : room
}

/** The fence that is still open after `piece`, with its language, or nothing. */
function fenceAfter(piece: string, fence: string): string {
  let open = fence
  for (const [, language = ''] of piece.matchAll(/^```(\w*)/gm))
    open = open === '' ? `\`\`\`${language}\n` : ''
  return open
}
