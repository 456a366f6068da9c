/** Real nodes, a network that drops everything for a while, and what people shared meanwhile on both sides. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkLabRefusal } from '../fixtures/network-lab.ts'
import { PartitionedNodes } from '../fixtures/partitioned-nodes.ts'

const CUT_MS = 15_000

const refusal = networkLabRefusal()
const options = { timeout: 180_000, ...(refusal === undefined ? {} : { skip: `NOT TESTED: ${refusal}` }) }

test(
  'three nodes list the same within 30 s after a cut that dropped every packet [R-08]',
  options,
  async () => {
    await using nodes = new PartitionedNodes('kzr08')
    await nodes.start()
    const { equalAfterMs, shared } = await nodes.cutAndHeal(CUT_MS)
    assert.equal(shared, 6)
    assert.ok(equalAfterMs <= 30_000, `${equalAfterMs} ms`)
  },
)
