import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contentHeaders, safeFileName } from './content-headers.ts'

test('a file name from a stranger becomes one safe part [R-14]', () => {
  for (const [given, safe] of [
    ['../../etc/passwd', 'passwd'],
    ['C:\\windows\\system.ini', 'system.ini'],
    ['a\r\nSet-Cookie: x=y', 'aSet-Cookie_ x=y'],
    ['photo\u202Egnp.exe', 'photognp.exe'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['...hidden', 'hidden'],
    ['trailing. . ', 'trailing'],
    ['', 'download'],
    ['/', 'download'],
    ['ä.txt', 'ä.txt'],
    ['a\u0308.txt', 'ä.txt'],
  ] as const) {
    assert.equal(safeFileName(given), safe)
  }
})

test('any name at all gives headers that HTTP can carry and a name that a disk can [R-14]', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
      const safe = safeFileName(name)
      assert.ok(safe.length > 0 && safe.length <= 160)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
      assert.ok(!/[/\\\u0000-\u001f"<>:|?*]/.test(safe))
      assert.notEqual(safe, '..')
      const disposition = contentHeaders({ name, download: true })['content-disposition'] ?? ''
      assert.match(
        disposition,
        /^attachment; filename="[\x20\x21\x23-\x7e]*"; filename\*=UTF-8''[\w.!#$&+^`|~%-]+$/,
      )
      assert.equal(decodeURIComponent(disposition.split("UTF-8''")[1] ?? ''), safe)
    }),
  )
})
