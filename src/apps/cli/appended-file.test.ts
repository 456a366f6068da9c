import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AppendedFile } from './appended-file.ts'

const MIB = 2 ** 20
const root = mkdtempSync(join(tmpdir(), 'kizuna-appended-'))
after(() => rmSync(root, { recursive: true, force: true }))
const bytes = randomBytes(5 * MIB + 17)

for (const pieceBytes of [1, 65_536, MIB, 2_093_056, bytes.byteLength]) {
  const whole = pieceBytes === 1 ? bytes.subarray(0, 3000) : bytes
  test(`pieces of ${pieceBytes} bytes come into the file in order, from memory that is used again`, async () => {
    const path = join(root, String(pieceBytes))
    const file = new AppendedFile(await open(path, 'ax'), whole.byteLength)
    const memory = Buffer.alloc(pieceBytes)
    for (let start = 0; start < whole.byteLength; start += pieceBytes) {
      const length = whole.copy(memory, 0, start, start + pieceBytes)
      await file.append(memory.subarray(0, length))
      memory.fill(0)
    }
    await file.finish()
    assert.ok(readFileSync(path).equals(whole))
    await file.close()
    assert.ok(readFileSync(path).equals(whole))
  })
}

test('what came before an end in the middle is in the file', async () => {
  const path = join(root, 'middle')
  const file = new AppendedFile(await open(path, 'ax'), bytes.byteLength)
  await file.append(bytes.subarray(0, MIB + 5))
  await file.close()
  assert.ok(readFileSync(path).equals(bytes.subarray(0, MIB + 5)))
})

test('more than was said comes into the file, too', async () => {
  const path = join(root, 'more')
  const file = new AppendedFile(await open(path, 'ax'), 0)
  await file.append(bytes.subarray(0, 100))
  await file.finish()
  await file.close()
  assert.ok(readFileSync(path).equals(bytes.subarray(0, 100)))
})

test('a full disk is told of, and nothing is written behind the gap', {
  skip: existsSync('/dev/full') ? false : 'this system has no /dev/full',
}, async () => {
  const file = new AppendedFile(await open('/dev/full', 'a'), bytes.byteLength)
  const full = { code: 'ENOSPC' }
  // The write of the first mebibyte is under way when the second is gathered.
  await file.append(bytes.subarray(0, MIB))
  await assert.rejects(file.append(bytes.subarray(0, MIB)), full)
  await assert.rejects(file.finish(), full)
  await file.close()
})
