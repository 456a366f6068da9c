/** Every input that the fuzzer kept, finds of old among them, is read or refused. `npm run reliability -- --only R-11` makes new ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { corpusOf, runOnce } from './reliability/fuzzing/fuzz.ts'
import { FUZZ_TARGETS } from './reliability/fuzzing/fuzz-targets.ts'

for (const target of FUZZ_TARGETS) {
  test(`${target.name} reads what is good, and reads or refuses everything in the corpus [R-11]`, () => {
    const read = target.seeds.filter((input) => runOnce(target, input) === 'read')
    assert.ok(read.length > 0, 'no seed is a good input')
    for (const { name, input } of corpusOf(target)) {
      assert.doesNotThrow(() => runOnce(target, input), `corpus/${target.name}/${name}`)
    }
  })
}
