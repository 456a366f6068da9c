import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PersonalDataRegistry, type PersonalDataSource } from './personal-data.ts'

test('the registry has every source in the order in which they came', () => {
  const registry = new PersonalDataRegistry()
  const source = (name: string): PersonalDataSource => ({
    name,
    async *exportOf(person) {
      yield { person, name }
    },
    eraseOf: async () => 1,
  })
  assert.deepEqual(registry.sources(), [])
  registry.add(source('command history'))
  registry.add(source('archive'))
  assert.deepEqual(
    registry.sources().map(({ name }) => name),
    ['command history', 'archive'],
  )
})
