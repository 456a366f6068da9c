/**
 * Hides the words that a command was typed with from other users of the machine, who can list every program's
 * arguments. They have been there for the blink of a start; `-` and `@FILE` keep them away altogether.
 */
export function hideWords(words: readonly string[]): void {
  process.title = `kizuna ${/^[a-z]{1,16}$/.test(words[0] ?? '') ? words[0] : ''}`.trim()
}
