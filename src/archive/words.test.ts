import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { indexedText, matchOf, readQuestion } from './words.ts'

/** Whether a question finds a text, asked of the real index. */
function finds(question: string, text: string): boolean {
  const database = new DatabaseSync(':memory:')
  database.exec(
    "CREATE VIRTUAL TABLE word USING fts5 (words, facets, content = '', tokenize = 'unicode61 remove_diacritics 2')",
  )
  database.prepare('INSERT INTO word (rowid, words, facets) VALUES (1, ?, ?)').run(indexedText(text), 'c1')
  const rows = database
    .prepare('SELECT rowid FROM word WHERE word MATCH ?')
    .all(`words : (${matchOf(readQuestion(question))})`)
  database.close()
  return rows.length === 1
}

test('words are found whatever their case, accents and width', () => {
  assert.ok(finds('cafe', 'Le CAFÉ du coin'))
  assert.ok(finds('ＨＥＬＬＯ', 'hello there'))
  assert.ok(finds('ёлка', 'Ёлка в лесу'))
  assert.ok(!finds('caf', 'Le café du coin'))
})

test('Japanese is found by words of one, two and more characters, and not by what is not there', () => {
  const text = '明日は京都へ行きます。カメラを持って来てください'
  for (const word of ['京都', '明日は京都', 'カメラ', '都', '行きます', 'ｶﾒﾗ'])
    assert.ok(finds(word, text), word)
  for (const word of ['東京', '都京', '京行', 'カラ', 'ガメラ']) assert.ok(!finds(word, text), word)
  assert.ok(finds('府', '京都府'), 'the last character of a run')
})

test('scripts mix within one word', () => {
  assert.ok(finds('Node入門', 'はじめてのNode入門を読む'))
  assert.ok(!finds('Node入口', 'はじめてのNode入門を読む'))
})

test('phrases keep their order, a star stands for the rest, a minus excludes', () => {
  assert.ok(finds('"red oak"', 'a red oak'))
  assert.ok(!finds('"oak red"', 'a red oak'))
  assert.ok(finds('oak red', 'a red oak'))
  assert.ok(finds('gard*', 'the gardeners'))
  assert.ok(!finds('oak -red', 'a red oak'))
  assert.ok(!finds('ga*', 'the gardeners'), 'too short to look for')
  assert.equal(
    readQuestion('one* two* three* four*').terms.filter(({ isBeginning }) => isBeginning).length,
    2,
  )
})

test('nothing in a question is taken for the language of the index', () => {
  for (const hostile of [
    'a AND (b',
    'NEAR(a b)',
    'facets:c1',
    '"unclosed',
    'a* OR',
    "'; DROP TABLE word; --",
    '^a',
    'a + b',
    '{words}:a',
    'x"y"z',
    '\0a',
    'NOT a',
  ]) {
    assert.doesNotThrow(() => finds(hostile, 'harmless'), hostile)
    assert.ok(!finds(hostile, 'harmless'), hostile)
  }
  assert.deepEqual(readQuestion('!!! ??? *** ""').terms, [])
  assert.ok(readQuestion('a '.repeat(1_000)).terms.length <= 12)
})
