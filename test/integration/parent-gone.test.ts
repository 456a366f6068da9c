/**
 * What becomes of a process when whoever started it is gone: what npm or a test started ends with it and saves
 * everything; what a shell or a supervisor started goes on, read or unread, and nothing spins.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { identityOf, isRunning, type ProcessIdentity } from '../../src/node/process-identity.ts'
import { NodeGroup, QUIET_FLAGS } from '../fixtures/node-group.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CLI = join(ROOT, 'src/apps/cli/main.ts')
const START = ['start', '--json', '--api-port', '0', ...QUIET_FLAGS]
/** A look each half second, up to 5 s of stopping, and a busy machine. */
const GONE_MS_MAX = 15_000
/** A spinning process takes a whole core; a node at rest next to nothing. */
const BUSY_SHARE_MAX = 0.5
const WATCHED_MS = 1_500

let group: NodeGroup
/** Everything started here, for the end of a failing test. */
const started: ProcessIdentity[] = []
before(() => {
  group = new NodeGroup()
})
after(async () => {
  for (const one of started) if (isRunning(one)) process.kill(one.pid, 'SIGKILL')
  await group[Symbol.asyncDispose]()
})

describe('a node that npm runs', npmRuns(), () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    test(`saves everything and ends when npm gets ${signal}`, async () => {
      const home = group.path(`npm-${signal}`)
      const npm = launch(home, 'npm', ['run', '--silent', 'kizuna', '--', ...START])
      const node = await readyNode(npm)
      npm.kill(signal)
      await waitUntil('the node is gone', GONE_MS_MAX, async () => !isRunning(node))
      assert.ok(existsSync(join(home, 'clean-shutdown')), 'it stopped as it should')
    })
  }
})

describe('what KIZUNA_PARENT_PID binds to a process', () => {
  test('a node ends with it, also when nobody reads what it says', async () => {
    const parent = sleeper()
    const home = group.path('bound')
    const child = launch(home, process.execPath, [CLI, ...START], { KIZUNA_PARENT_PID: String(parent.pid) })
    const node = await readyNode(child)
    closePipes(child)
    parent.kill('SIGKILL')
    await waitUntil('the node is gone', GONE_MS_MAX, async () => !isRunning(node))
    assert.ok(existsSync(join(home, 'clean-shutdown')), 'it stopped as it should')
  })

  test('a command ends with it in the middle of waiting for an answer', async () => {
    const parent = sleeper()
    await using silent = await silentNode(group.path('silent'))
    const child = launch(silent.home, process.execPath, [CLI, 'list', '--json'], {
      KIZUNA_PARENT_PID: String(parent.pid),
    })
    const command = identityOf(child.pid ?? 0)
    await silent.asked
    assert.ok(isRunning(command))
    parent.kill('SIGKILL')
    await waitUntil('the command is gone', GONE_MS_MAX, async () => !isRunning(command))
  })

  test('a word that is no process id is a fault of the configuration', async () => {
    const child = launch(group.path('nonsense'), process.execPath, [CLI, 'status', '--json'], {
      KIZUNA_PARENT_PID: 'mother',
    })
    const [line] = (await once(
      createInterface({ input: child.stderr as NodeJS.ReadableStream }),
      'line',
    )) as [string]
    assert.deepEqual(JSON.parse(line).error.details.faults[0].key, 'KIZUNA_PARENT_PID')
  })
})

test('a node that a shell left behind goes on, at rest, when shell and readers are gone [K-48]', {
  skip: noProc(),
}, async () => {
  const home = group.path('daemon')
  const shell = launch(home, 'sh', ['-c', '"$0" "$@" & wait', process.execPath, CLI, ...START], {
    KIZUNA_LOG_LEVEL: 'trace',
  })
  const node = await readyNode(shell)
  const { url, token } = JSON.parse(readFileSync(join(home, 'api.json'), 'utf8'))
  closePipes(shell)
  shell.kill('SIGKILL')
  const ask = async () => {
    const answer = await fetch(`${url}/v1/commands/status`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    })
    return answer.ok
  }
  // Every request makes it write to the readers that are gone.
  assert.ok(await ask())
  const busy = await busyShare(node.pid)
  assert.ok(busy < BUSY_SHARE_MAX, `it takes ${Math.round(busy * 100)} % of a core`)
  assert.ok(await ask())
  process.kill(node.pid, 'SIGTERM')
  await waitUntil('the node is gone', GONE_MS_MAX, async () => !isRunning(node))
  assert.ok(existsSync(join(home, 'clean-shutdown')), 'it stopped as it should')
})

test('the process of a test file ends when the runner is killed', { skip: noProc() }, async () => {
  const file = group.path('endless.test.ts')
  const fixture = new URL('../fixtures/end-with-parent.ts', import.meta.url).href
  writeFileSync(
    file,
    `import { writeFileSync } from 'node:fs'
    import { test } from 'node:test'
    import ${JSON.stringify(fixture)}
    test('works on and on', async () => {
      writeFileSync(${JSON.stringify(group.path('pid'))}, String(process.pid))
      while (true) await new Promise((resolve) => setTimeout(resolve, 10))
    })`,
  )
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const runner = spawn(process.execPath, ['--test', file], { env: environment, stdio: 'ignore' })
  started.push(identityOf(runner.pid ?? 0))
  await waitUntil('the test runs', GONE_MS_MAX, async () => existsSync(group.path('pid')))
  const worker = identityOf(Number(readFileSync(group.path('pid'), 'utf8')))
  started.push(worker)
  assert.notEqual(worker.pid, runner.pid)
  runner.kill('SIGKILL')
  await waitUntil('the process of the file is gone', GONE_MS_MAX, async () => !isRunning(worker))
})

function launch(
  home: string,
  command: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const child = spawn(command, words, {
    cwd: ROOT,
    env: { ...process.env, ...environment, KIZUNA_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(identityOf(child.pid ?? 0))
  return child
}

/** The node behind a ready line. */
async function readyNode(child: ChildProcess): Promise<ProcessIdentity> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const [line] = (await once(lines, 'line', { signal: AbortSignal.timeout(30_000) })) as [string]
  lines.close()
  const node = identityOf(JSON.parse(line).pid)
  started.push(node)
  return node
}

/** What a killed reader does to the pipes. */
function closePipes(child: ChildProcess): void {
  child.stdout?.destroy()
  child.stderr?.destroy()
}

function sleeper(): ChildProcess {
  const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 60_000)'], { stdio: 'ignore' })
  started.push(identityOf(child.pid ?? 0))
  return child
}

/** Something that says it is a node and then answers nothing. */
async function silentNode(home: string) {
  const asked = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    if (request.url === '/health') response.end('{}')
    else asked.resolve()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  mkdirSync(home)
  writeFileSync(
    join(home, 'api.json'),
    JSON.stringify({ url: `http://127.0.0.1:${port}`, token: 'token', pid: process.pid }),
    { mode: 0o600 },
  )
  return {
    home,
    asked: asked.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Share of one core that a process takes, over a moment. */
async function busyShare(pid: number): Promise<number> {
  const ticks = () => {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  }
  const before = ticks()
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS))
  // A tick is a hundredth of a second on every Linux (USER_HZ).
  return ((ticks() - before) * 10) / WATCHED_MS
}

function noProc(): string | false {
  return process.platform === 'linux' ? false : 'NOT TESTED: this system has no /proc'
}

function npmRuns(): { skip?: string } {
  return process.platform === 'linux' ? {} : { skip: 'NOT TESTED: only Linux tells who stands above a shell' }
}
