/** The example and `npm run dev`, run as a newcomer runs them. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'

const LIMIT = { timeout: 120_000 }
const folder = mkdtempSync(join(tmpdir(), 'kizuna-examples-'))
let dev: ReturnType<typeof spawn>
let ready: { shared: string; nodes: { home: string; api: string; token: string }[] }

before(async () => {
  dev = spawn(process.execPath, ['scripts/dev-network.ts', '--json'], { stdio: ['pipe', 'pipe', 'inherit'] })
  if (dev.stdout === null) throw new Error('no standard output')
  const [line] = (await once(createInterface({ input: dev.stdout }), 'line', {
    signal: AbortSignal.timeout(60_000),
  })) as [string]
  ready = JSON.parse(line)
}, LIMIT)

after(async () => {
  const exit = once(dev, 'exit')
  dev.stdin?.end()
  await exit
  rmSync(folder, { recursive: true, force: true })
}, LIMIT)

test(
  'three nodes for development have something shared already, and the command line speaks to each',
  LIMIT,
  () => {
    assert.equal(ready.nodes.length, 3)
    for (const { home } of ready.nodes) {
      const { files } = JSON.parse(run(['src/apps/cli/main.ts', 'list', '--home', home, '--json']))
      assert.deepEqual(
        files.map((file: { id: string }) => file.id),
        [ready.shared],
      )
    }
  },
)

test('the example’s demo shares between two nodes [B-56]', LIMIT, () => {
  assert.match(run(['examples/share-and-get.ts', 'demo']), /Birch got: Hello from Ash\./)
})

test('the example’s download gets a file from a running node [B-56]', LIMIT, () => {
  const [ash] = ready.nodes
  const home = ash?.home ?? ''
  const { id } = JSON.parse(run(['src/apps/cli/main.ts', 'share', 'package.json', '--home', home, '--json']))
  const { addresses } = JSON.parse(run(['src/apps/cli/main.ts', 'status', '--home', home, '--json']))
  const output = join(folder, 'package.json')
  run(['examples/share-and-get.ts', 'download', addresses[0], id, output])
  assert.ok(existsSync(output))
  assert.equal(readFileSync(output, 'utf8'), readFileSync('package.json', 'utf8'))
})

function run(words: readonly string[]): string {
  const ended = spawnSync(process.execPath, words, { encoding: 'utf8' })
  assert.equal(ended.status, 0, ended.stderr)
  return ended.stdout
}
