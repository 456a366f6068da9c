import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contentIdOf } from '../core/content-id.ts'
import { encodeCanonical } from '../core/encoding.ts'
import { checkFolderPaths, decodeFolderListing, encodeFolderListing } from './folder-listing.ts'

const id = contentIdOf(Buffer.from('x'))
const entry = (path: string) => ({ path, id, sizeBytes: 1 })

test('a listing comes back as it was, sorted by path', () => {
  const part = fc.stringMatching(/^[a-z0-9_]{4,8}x$/)
  const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => `${parts.join('/')}.txt`)
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 20 }), (paths) => {
      const back = decodeFolderListing(encodeFolderListing(paths.map(entry)))
      assert.deepEqual(back, [...paths].sort().map(entry))
    }),
  )
})

test('refuses paths that leave the folder or that a file system reads otherwise', () => {
  const bad = [
    '', '/etc/passwd', '../up', 'a/../../up', 'a//b', 'a/', './a', 'a\\..\\b', 'C:/x', 'a:b', 'a\0b', 'a\nb',
    'CON', 'aux.txt', 'dir/com1.log', 'LPT²', 'con .txt', 'CONIN$', 'dot.', 'space ', 'x'.repeat(256), `${'x/'.repeat(2100)}x`, '\ud800',
  ] // biome-ignore format: one list of paths
  for (const path of bad) {
    assert.throws(() => checkFolderPaths([path]), { code: 'INVALID_INPUT' }, JSON.stringify(path))
    const forged = encodeCanonical({ v: 1, entries: [[path.toWellFormed(), id, 1]] })
    if (path.isWellFormed()) assert.throws(() => decodeFolderListing(forged), { code: 'INVALID_INPUT' })
  }
})

test('refuses names that fall together by case or by the form of accents', () => {
  const clashes = [
    ['a.txt', 'A.txt'],
    ['café', 'cafe\u0301'],
    ['a/x', 'A/y'],
    ['a', 'a/b'],
    ['a/b', 'a'],
    ['ﬁle', 'file'],
    ['straße', 'STRASSE'],
    ['λόγος', 'ΛΌΓΟΣ'],
    ['a\u200db', 'ab'],
    ['a\ufeff', 'a'],
    ['same', 'same'],
  ]
  for (const paths of clashes) {
    assert.throws(() => checkFolderPaths(paths), { code: 'INVALID_INPUT' }, paths.join(' | '))
  }
  checkFolderPaths(['a/x', 'a/y', 'b/x', 'b.txt'])
})

test('refuses bytes that are no listing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      assert.throws(() => decodeFolderListing(bytes), { code: 'INVALID_INPUT' })
    }),
  )
  for (const value of [{ v: 2, entries: [] }, { v: 1 }, { v: 1, entries: [['a', 'no id', 1]] }, []]) {
    assert.throws(() => decodeFolderListing(encodeCanonical(value)), { code: 'INVALID_INPUT' })
  }
})
