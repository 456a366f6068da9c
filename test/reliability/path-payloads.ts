import type { Random } from '../../src/core/random.ts'

/** What an attacker wants to reach, seen from a folder inside the root. */
const TARGETS = ['sentinel.txt', 'outside/sentinel.txt', 'etc/passwd', 'identity.key']
/** Ways of saying “one folder up”, or “from the top”, that some parser somewhere believed. */
const CLIMBS = [
  '../', '..%2f', '..%2F', '%2e%2e/', '%2e%2e%2f', '%252e%252e%252f', '..%252f', '..%25252f', '..\\', '..%5c', '..%255c',
  '..%c0%af', '..%c1%9c', '..%e0%80%af', '..%ef%bc%8f', '..%u2215', '..%00/', '..\0/', '..%0a/', '..\n/', '....//', '.../', '..;/',
  './../', '%2e./', '.%2e/', '..//', 'a/../../', '/', '//', '///', '/./', '%2f', '\\', '\\\\', 'C:\\', 'C:/', 'c:', 'C:%5c', '\\\\host\\share\\',
  '//host/share/', '%5c%5c?%5cC:%5c', '\\\\?\\C:\\', '\\\\.\\', 'file:///', 'file://localhost/', '~/', '~root/', '$HOME/', '%USERPROFILE%\\',
  '/proc/self/cwd/', '/proc/self/root/', '/dev/fd/', '․․/', '．．／', '..∕', '..⁄', '..＼', '..﹨', '\u202e../', '.\u200d./', '\ufeff../', '..\u00ad/', '.\u2060./',
] // biome-ignore format: a table
/** Names that some system keeps for itself, cannot hold, or takes for another. */
const ODD_NAMES = [
  '', '.', '..', '...', ' ', '. .', ' .. ', 'CON', 'con.txt', 'PRN', 'AUX.tar.gz', 'NUL', 'nul .txt', 'COM1', 'com¹.log', 'LPT9', 'LPT³', 'CONIN$', 'CONOUT$', 'CLOCK$',
  'name.', 'name ', 'name. .', 'a:b', 'a:$DATA', 'a::$DATA', 'a<b', 'a>b', 'a|b', 'a?b', 'a*b', 'a"b', 'a\u0000b', 'a\u0001b', 'a\u007fb', 'a\rb', 'a\nb', 'a\tb',
  '-rf', '--output=x', '.ssh', '.git', '.gIt', '.g\u200cit', 'GIT~1', '.bashrc', '.htaccess', 'desktop.ini', '.DS_Store', '@link', '#x', '%', '%00', '%2e', '\u202etxt.exe',
  '\u2028', '\u2029', '\ud800', '\udfff.txt', 'a\ud800b', '\ufffe', 'é', 'e\u0301', 'ﬁ', 'ß', 'K', 'Å', 'ı', 'İ', 'x'.repeat(255), 'x'.repeat(256), 'é'.repeat(128), 'x'.repeat(5000),
  `${'a/'.repeat(300)}b`, `${'../'.repeat(300)}b`, '__proto__', 'constructor', 'toString', 'hasOwnProperty',
] // biome-ignore format: a table
/** Names that fall together on some file system: whichever comes second must not replace the first. */
export const CLASHES: readonly (readonly [string, string])[] = [
  ['a.txt', 'A.TXT'], ['dir/a', 'DIR/a'], ['café', 'cafe\u0301'], ['Å', 'Å'], ['K', 'K'], ['ﬁle', 'file'], ['ß', 'SS'], ['straße', 'STRASSE'], ['σ', 'ς'], ['ΑΣ', 'ας'],
  ['a\u200db', 'ab'], ['a\u200cb', 'ab'], ['a\ufeffb', 'ab'], ['a\u00adb', 'ab'], ['a\u2060b', 'ab'], ['a\ufe0f', 'a'], ['ǆ', 'Ǆ'], ['ſ', 's'], ['ａ', 'a'], ['²', '2'],
  ['a', 'a/b'], ['a/b', 'a'], ['x/y/z', 'x/Y'], ['same', 'same'],
] // biome-ignore format: a table

/** `count` hostile names: every odd one and every climb, then climbs to all targets at all depths, and mixtures by chance. */
export function pathPayloads(count: number, random: Random): string[] {
  const payloads = new Set([...ODD_NAMES, ...CLIMBS.map((climb) => `${climb.repeat(2)}sentinel.txt`)])
  const parts = [...CLIMBS, ...ODD_NAMES.filter((name) => name.length < 20), ...TARGETS, '/', 'a', '.txt']
  const oneOf = (list: readonly string[]) => list[random.integer(list.length)] ?? ''
  while (payloads.size < count) {
    const climbs = oneOf(CLIMBS).repeat([1, 2, 8][random.integer(3)] ?? 1)
    const isMixture = random.integer(4) === 0
    const mixture = () => Array.from({ length: 1 + random.integer(6) }, () => oneOf(parts)).join('')
    payloads.add(
      isMixture ? mixture() : `${oneOf(['', 'a/'])}${climbs}${oneOf(TARGETS)}${oneOf(['', '%00.txt'])}`,
    )
  }
  return [...payloads]
}
