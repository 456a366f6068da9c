import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { commandList } from '../../commands/command-list.ts'
import { VirtualClock } from '../../core/virtual-clock.ts'
import { CONFIG_KEYS } from '../../node/config-schema.ts'
import { cliCommands } from './cli-commands.ts'
import { completionScript } from './completion.ts'
import { UsageError } from './errors.ts'
import { readEvents } from './event-reader.ts'
import { formatDuration } from './format-numbers.ts'
import { commandText, overviewText } from './help-text.ts'
import { nearestWord } from './nearest-word.ts'
import type { CliCommand } from './options.ts'
import { parseWords } from './parse-words.ts'
import { ProgressBar } from './progress-bar.ts'
import { safeText } from './terminal.ts'

const commands = cliCommands()
const named = (name: string) => commands.find((command) => command.name === name) as CliCommand
const parse = (name: string, ...words: string[]) => parseWords(named(name), words)

test('every command of the table is on the command line, with every field as word or flag', () => {
  for (const command of commandList) {
    const cli = named(command.name)
    const reachable = [...cli.positional, ...cli.options.map(({ key }) => key)]
    for (const field of Object.keys(command.input.shape))
      assert.ok(reachable.includes(field), `${command.name} ${field}`)
    assert.ok(overviewText(commands).includes(command.summary))
    assert.ok(commandText(cli).includes('--json'))
  }
  const start = named('start').options.map(({ key }) => key)
  for (const key of CONFIG_KEYS) assert.ok(key === 'home' || start.includes(key), key)
})

test('words, flags, switches and lists are read', () => {
  assert.deepEqual(parse('share', 'a.txt', '--copies', '3', '--json').values, { path: 'a.txt', copies: '3' })
  assert.equal(parse('share', 'a.txt', '--json').json, true)
  assert.deepEqual(parse('start', '--no-mdns', '--port=0', '--bootstrap', 'a', '--bootstrap', 'b').values, {
    mdns: false,
    port: '0',
    bootstrap: ['a', 'b'],
  })
  assert.deepEqual(parse('start', '--mdns=false', '--dht=on').values, { mdns: false, dht: true })
  assert.deepEqual(parse('get', 'x', '-o', '-', '-f').values, { id: 'x', output: '-', force: true })
  assert.deepEqual(parse('share', '-').values, { path: '-' })
  assert.equal(parse('list', '--home', '/tmp/x').home, '/tmp/x')
  assert.deepEqual(parse('start', '--ws-port=-1').values, { wsPort: '-1' })
})

test('what cannot be understood is named, with what was probably meant', () => {
  const cases: [string[], RegExp, RegExp][] = [
    [['share', 'a', '--copys', '3'], /no flag --copys/, /--copies/],
    [['share', 'a', 'b'], /one word too many/, /quotes/],
    [['get'], /needs ID/, /--help/],
    [['get', 'x', '--output'], /--output needs a value/, /VALUE/],
    [['list', '--mine=yes please'], /--mine takes no value/, /--no-mine/],
  ]
  for (const [[name = '', ...words], message, hint] of cases) {
    assert.throws(
      () => parse(name, ...words),
      (error: unknown) => {
        assert.ok(error instanceof UsageError)
        assert.match(error.message, message)
        assert.match(error.hint, hint)
        return true
      },
      words.join(' '),
    )
  }
  assert.equal(nearestWord('shrae', ['share', 'get']), 'share')
  assert.equal(nearestWord('statsu', ['status', 'start']), 'status')
  assert.equal(nearestWord('frobnicate', ['share', 'get']), undefined)
})

test('the completion scripts of bash, zsh and fish name every command and flag and can be read by their shell', (t) => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = completionScript(shell, commands)
    for (const { name, options } of commands) {
      assert.ok(script.includes(name))
      for (const { flag } of options) assert.ok(script.includes(flag), `${shell} ${name} ${flag}`)
    }
    const run = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' })
    if (run.error === undefined) assert.equal(run.status, 0, run.stderr)
    else t.diagnostic(`no ${shell} here to read its script`)
  }
  assert.throws(() => completionScript('tcsh', commands), UsageError)
})

test('bash completes commands and flags', (t) => {
  const script = `${completionScript('bash', commands)}
    COMP_WORDS=(kizuna sta); COMP_CWORD=1; _kizuna; echo "\${COMPREPLY[*]}"
    COMP_WORDS=(kizuna share --co); COMP_CWORD=2; _kizuna; echo "\${COMPREPLY[*]}"`
  const run = spawnSync('bash', ['--norc'], { input: script, encoding: 'utf8' })
  if (run.error !== undefined) return t.skip('no bash here')
  assert.deepEqual(run.stdout.trim().split('\n'), ['start status', '--copies'])
})

test('the bar shows share, amount, rate and time left, and on a log only a line now and then', () => {
  const clock = new VirtualClock()
  const drawn: string[] = []
  const bar = new ProgressBar(clock, { isTTY: true, columns: 120, write: (text: string) => drawn.push(text) })
  const MIB = 1024 * 1024
  const step = async (ms: number, done: number) => {
    await clock.advance(ms)
    bar.update({ phase: 'getting', done, total: 100 * MIB, unit: 'bytes', peers: 3 })
  }
  return (async () => {
    for (let second = 0; second <= 5; second++) await step(1_000, second * 10 * MIB)
    const last = drawn.at(-1) ?? ''
    for (const part of ['getting', '50 %', '50 MiB of 100 MiB', '10 MiB/s', '5 s left', '3 peers']) {
      assert.ok(last.includes(part), `${part} in ${last}`)
    }
    const lines: string[] = []
    const log = new ProgressBar(clock, { isTTY: false, write: (text: string) => lines.push(text) })
    for (let second = 0; second < 25; second++) {
      await clock.advance(1_000)
      log.update({ phase: 'getting', done: second, total: 25, unit: 'chunks' })
    }
    assert.ok(lines.length >= 1 && lines.length <= 3, `${lines.length} lines`)
  })()
})

test('spans of time are shown as people write them', () => {
  assert.deepEqual([0, 59_000, 125_000, 7_260_000, 1e9].map(formatDuration), [
    '0 s',
    '59 s',
    '2 min 5 s',
    '2 h 1 min',
    '11 d 13 h',
  ])
})

test('a stranger’s text cannot move the cursor or turn around', () => {
  assert.ok(!/[\p{Cc}\u202e]/u.test(safeText('a\x1b[2Jb\r\n\u202etxt.exe')))
})

test('server-sent events are read across any cut', async () => {
  const text =
    'event: progress\ndata: {"done":1}\n\n: a comment\n\nevent: result\r\ndata: one\r\ndata: two\r\n\r\ndata: unfinished'
  for (const size of [1, 2, 7, 1000]) {
    const pieces = async function* () {
      const bytes = Buffer.from(text)
      for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size)
    }
    const events = await Array.fromAsync(readEvents(pieces()))
    assert.deepEqual(
      events.filter(({ data }) => data !== ''),
      [
        { event: 'progress', data: '{"done":1}' },
        { event: 'result', data: 'one\ntwo' },
      ],
    )
  }
})
