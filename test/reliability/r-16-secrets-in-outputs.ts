/**
 * Two real nodes at the loudest log level do all that has to do with secrets, well and badly, and end by every kind of
 * death; then everything that came out of them is searched for those secrets: logs, answers, errors, metrics, the arguments
 * of every process, what a crash left behind, and every file, with its mode.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { INVITE_LINK_START, parseInvite } from '../../src/records/invite.ts'
import '../fixtures/end-with-parent.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'
import { SecretScan } from './secret-scan.ts'

const CLI = fileURLToPath(new URL('../../src/apps/cli/main.ts', import.meta.url))
const QUIET = [
  '--host',
  '127.0.0.1',
  '--port',
  '0',
  '--api-port',
  '0',
  '--no-mdns',
  '--no-upnp',
  '--no-dht',
  '--log-level',
  'trace',
]
const ROUNDS = { gate: 1, night: 10, release: 30 }
/** Files that are there to keep secrets; whoever else has them is a find. */
const KEEPERS = /^(identity\.key|api\.json|index\.db(-wal|-shm|-copy|-seal|-journal)?)$/
const BODY = 'canary-body-7c41e0d2-what-a-person-wrote'
/** One that nothing else listens to. */
const CRASH_SIGNAL = 'SIGWINCH'
const READY_MS_MAX = 60_000

export const check: ReliabilityCheck = {
  row: 'R-16',
  title: 'Secrets in logs, answers, errors, metrics, arguments, crashes and files',
  goal: '0 hits in 100 % of outputs; key files 0600, data folder 0700',
  async run(options) {
    const scan = new SecretScan()
    for (let round = 0; round < ROUNDS[options.scale] && !options.signal.aborted; round++) {
      const folder = mkdtempSync(join(tmpdir(), 'kizuna-r-16-'))
      const world = new World(folder, scan, options)
      try {
        await world.run()
      } finally {
        world.killAll()
        rmSync(folder, { recursive: true, force: true })
      }
    }
    const hits = [...new Set(scan.failures)]
    return {
      figure: `${scan.secrets} secrets looked for in ${scan.outputs} outputs (${Math.round(scan.bytes / 1024)} KiB): ${hits.length} hits`,
      reached: hits.length === 0,
      failures: hits.map((hit) => `${hit} (seed ${options.seed})`),
    }
  },
}

interface Running {
  child: ChildProcess
  home: string
  api: string
  token: string
  peerId: string
  addresses: string[]
  output: { text: string }
}

class World {
  readonly #folder: string
  readonly #scan: SecretScan
  readonly #options: ReliabilityOptions
  readonly #children: ChildProcess[] = []

  constructor(folder: string, scan: SecretScan, options: ReliabilityOptions) {
    this.#folder = folder
    this.#scan = scan
    this.#options = options
  }

  async run(): Promise<void> {
    const scan = this.#scan
    scan.add('what a person wrote', BODY)
    for (const name of ['a wallet’s key', 'a passphrase', 'a webhook’s address', 'a bot’s token'])
      scan.add(name, environmentCanary(name))
    const oak = await this.#start('oak', ['--admission', 'invite'])
    const elm = await this.#start('elm')
    this.#options.progress('two nodes at the loudest log level')
    const made = await this.#json(oak, ['token', '--scope', 'read'])
    scan.add('a token that was made', String(made.token))
    const invite = String((await this.#json(oak, ['invite', '--single'])).link)
    scan.add('an invite', invite.slice(INVITE_LINK_START.length))
    scan.add('the secret of an invite', parseInvite(invite).secret)
    const joined = await this.#cli(elm, ['join', '-', '--json'], { input: `${invite}\n` })
    if (joined.code !== 0) throw new Error(`join ended with ${joined.code}: ${joined.output}`)
    this.#learnKeys(oak)
    this.#learnKeys(elm)
    const shared = await this.#cli(oak, ['share', '-', '--name', 'diary.txt', '--private', '--json'], {
      input: BODY,
    })
    const link = String(JSON.parse(shared.stdout).link)
    const [id = '', key = ''] = link.replace(/^kizuna:/, '').split('#')
    scan.add('the key of a content', Buffer.from(key, 'base64url'))
    scan.add('the key in a link', key)
    await this.#useAll(oak, elm, { id, link, key, invite })
    await this.#misconfigure()
    await this.#askAll(oak)
    await this.#dieAll(oak, elm)
    this.#lookAtFiles()
    this.#proveSight(oak)
  }

  /** The paths on which people go, and those on which they stumble. */
  async #useAll(
    oak: Running,
    elm: Running,
    { id, link, key, invite }: Record<'id' | 'link' | 'key' | 'invite', string>,
  ): Promise<void> {
    const file = join(this.#folder, 'link.txt')
    writeFileSync(file, link, { mode: 0o600 })
    const target = join(this.#folder, 'got.txt')
    await this.#cli(elm, ['get', `@${file}`, '--output', target])
    if (readFileSync(target, 'utf8') !== BODY) throw new Error('the content did not come back')
    rmSync(target)
    await this.#cli(elm, ['get', '-', '--output', target], { input: link })
    rmSync(target, { force: true })
    const broken = `${id}#${key.slice(0, -3)}`
    const wrongKey = `kizuna:${id}#${key.slice(1)}A`
    const stumbles: [string[], string | undefined][] = [
      [['get', '-'], broken], [['get', '-', '--json'], wrongKey], [['get', '-'], `x${link}`], [['describe', '-'], link], [['doctor', '-'], link],
      [['join', '-'], invite], [['join', '-', '--json'], `${invite.slice(0, -2)}AA`], [['join', '-'], `${invite}x`], [['keep', '-'], link],
      [['members'], undefined], [['invite', '--list'], undefined], [['token'], undefined], [['config'], undefined], [['status', '--json'], undefined],
      [['peers', '--all'], undefined], [['list', '--json'], undefined], [['sync'], undefined], [['doctor'], undefined], [['invite', '--revoke', 'x'], undefined],
    ] // biome-ignore format: a table
    const isThorough = this.#options.scale !== 'gate'
    for (const [turn, node] of [oak, elm].entries()) {
      for (const [words, input] of stumbles.filter((_, index) => isThorough || index % 2 === turn)) {
        const { output } = await this.#cli(node, words, input === undefined ? {} : { input })
        // A link with its key is what `get` and `describe` are asked for; nothing else is.
        this.#scan.look(`the output of ${words.join(' ')}`, output, words[0] === 'get' ? LINK_SECRETS : [])
      }
    }
    await this.#typed(elm, ['get', link, '--output', target, '--force'])
    await this.#cli(elm, ['forget', id])
  }

  /** A link typed as a word: hidden as soon as the program runs, and gone when it works. */
  async #typed(node: Running, words: string[]): Promise<void> {
    const child = this.#launch(node.home, [CLI, ...words])
    child.stdin?.end()
    for (const stream of [child.stdout, child.stderr]) stream?.resume()
    const seen: string[] = []
    child.once('close', () => seen.push('over'))
    while (seen.at(-1) !== 'over') {
      const line = argumentsOf(child.pid)
      if (line !== '') seen.push(line)
      await sleep(10)
    }
    if (process.platform === 'linux') this.#scan.look('the arguments of a get at work', seen.at(-2) ?? '')
  }

  /** Settings that are wrong, with a secret in the place of a value: the refusal may name the setting only. */
  async #misconfigure(): Promise<void> {
    const canary = environmentCanary('a passphrase')
    for (const name of ['KIZUNA_PASSPHRASE', 'KIZUNA_PORT', 'KIZUNA_API_PUBLIC', 'KIZUNA_API_TLS_KEY']) {
      const child = this.#launch(join(this.#folder, 'nowhere'), [CLI, 'start', '--json'], { [name]: canary })
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (piece) => {
          output += piece
        })
      const [code] = await once(child, 'close')
      if (code === 0) this.#scan.failures.push(`a wrong ${name} was taken`)
      this.#scan.look(`the refusal of a wrong ${name}`, output)
    }
  }

  /** The HTTP API, with right and wrong tokens. */
  async #askAll(node: Running): Promise<void> {
    const ask = async (what: string, path: string, init: RequestInit = {}, token = node.token) => {
      const headers = { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) }
      const response = await fetch(`${node.api}${path}`, { ...init, headers })
      const told = JSON.stringify([...response.headers]) + (await response.text())
      this.#scan.look(`${what} over HTTP`, told)
    }
    for (const path of ['/health', '/metrics', '/openapi.json', '/nowhere', '/v1/content/x'])
      await ask(path, path)
    for (const command of ['status', 'peers', 'doctor', 'config', 'list', 'members', 'token'])
      await ask(command, `/v1/commands/${command}`, { method: 'POST' })
    const json = { 'content-type': 'application/json' }
    const bodies = [
      `{"link":"${BODY}`,
      JSON.stringify({ link: BODY }),
      JSON.stringify({ [BODY]: BODY }),
      `"${BODY}"`,
    ]
    for (const body of bodies) {
      // An error may name the field that is wrong, and never what was in it.
      await ask('a wrong body', '/v1/commands/join', {
        method: 'POST',
        body: body.replaceAll(`"${BODY}":`, '"field":'),
        headers: json,
      })
    }
    await ask('a wrong token', '/metrics', {}, environmentCanary('a passphrase'))
    await ask('a secret in the address', `/v1/content/x?name=${BODY}&token=${node.token}`)
    await ask('a wrong key', '/v1/content/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', {
      headers: { 'x-kizuna-key': BODY },
    })
  }

  /** Every kind of end, and what it leaves: on standard error, and as files where the process stood. */
  async #dieAll(oak: Running, elm: Running): Promise<void> {
    await this.#end(oak, 'SIGABRT')
    const again = await this.#start('oak')
    await this.#end(again, 'SIGUSR2')
    await this.#end(await this.#start('oak'), 'SIGSEGV')
    const crash = join(this.#folder, 'crash.mjs')
    writeFileSync(
      crash,
      `process.once('${CRASH_SIGNAL}', () => {
        Promise.reject(new Error('planted too'))
        setTimeout(() => { throw new Error('planted') }, 500)
      })\n`,
    )
    const crashing = await this.#start('oak', [], ['--import', crash])
    await this.#end(crashing, CRASH_SIGNAL)
    if (!crashing.output.text.includes('planted')) this.#scan.failures.push('a crash left no word')
    await this.#end(elm, 'SIGTERM')
    for (const node of [oak, again, crashing, elm])
      this.#scan.look(`the log of ${basename(node.home)}`, node.output.text)
    const dumps = globSync(join(this.#folder, '**/{core,core.*,report.*,*.heapsnapshot,*.dmp,isolate-*}'))
    for (const dump of dumps) this.#scan.failures.push(`a crash left ${relative(this.#folder, dump)}`)
  }

  #lookAtFiles(): void {
    for (const path of globSync(join(this.#folder, '**'), { exclude: (name) => name === 'cwd' })) {
      const facts = statSync(path)
      const name = relative(this.#folder, path)
      const isHome = name.startsWith('oak') || name.startsWith('elm')
      if (!isHome) continue
      if (facts.isDirectory()) {
        if (!name.includes('/') && (facts.mode & 0o077) !== 0)
          this.#scan.failures.push(`the data folder has mode ${mode(facts.mode)}`)
        continue
      }
      const isKeeper = KEEPERS.test(basename(path))
      if (isKeeper && (facts.mode & 0o077) !== 0)
        this.#scan.failures.push(`${basename(path)} has mode ${mode(facts.mode)}`)
      if (!isKeeper) this.#scan.look(`the file ${name.replace(/[0-9a-z]{20,}/g, '…')}`, readFileSync(path))
      // What a person wrote in private is nowhere in the open, not even there.
      else if (readFileSync(path).includes(BODY))
        this.#scan.failures.push(`what a person wrote in ${basename(path)}`)
    }
  }

  /** A search that finds nothing proves something only if it finds what is there. */
  #proveSight({ home }: Running): void {
    const files = { 'the key of oak': 'identity.key', 'the key of the space of oak': 'index.db' }
    for (const [secret, file] of Object.entries(files)) {
      const sight = this.#scan.finds(secret, readFileSync(join(home, file)))
      if (!sight) this.#scan.failures.push(`the search is blind: ${secret} was not found in ${file}`)
    }
  }

  #learnKeys({ home }: Running): void {
    const name = basename(home)
    this.#scan.add(
      `the key of ${name}`,
      Buffer.from(readFileSync(join(home, 'identity.key'), 'utf8').trim(), 'hex'),
    )
    const index = new DatabaseSync(join(home, 'index.db'), { readOnly: true })
    for (const row of index.prepare('SELECT key FROM space_key').all() as { key: Uint8Array }[])
      this.#scan.add(`the key of the space of ${name}`, row.key)
    index.close()
  }

  async #start(name: string, flags: readonly string[] = [], node: readonly string[] = []): Promise<Running> {
    const home = join(this.#folder, name)
    const words = [...node, CLI, 'start', '--json', '--stop-with-parent', ...QUIET, ...flags]
    const child = this.#launch(home, words)
    const output = { text: '' }
    child.stderr?.on('data', (piece) => {
      output.text += piece
    })
    let stdout = ''
    const died = once(child, 'exit').then(([code]) => {
      throw new Error(`${name} ended with ${code} before it was ready: ${output.text.slice(-2_000)}`)
    })
    died.catch(() => {})
    const signal = AbortSignal.timeout(READY_MS_MAX)
    while (!stdout.includes('\n')) {
      const data = once(child.stdout as NonNullable<typeof child.stdout>, 'data', { signal })
      const [piece] = (await Promise.race([data, died])) as [Buffer]
      stdout += piece
    }
    const ready = JSON.parse(stdout.split('\n')[0] ?? '') as Omit<Running, 'child' | 'home' | 'output'>
    // This one line is how a program that starts a node gets the token; everything after it is searched.
    child.stdout?.on('data', (piece) => {
      output.text += piece
    })
    this.#scan.add(`the API token of ${name}`, ready.token)
    this.#scan.look(`the arguments of ${name}`, argumentsOf(child.pid))
    return { ...ready, child, home, output }
  }

  async #json(node: Running, words: string[]): Promise<Record<string, unknown>> {
    const { code, stdout, output } = await this.#cli(node, [...words, '--json'])
    if (code !== 0) throw new Error(`kizuna ${words.join(' ')} ended with ${code}: ${output}`)
    return JSON.parse(stdout)
  }

  /** A command, its arguments watched for as long as it runs. */
  async #cli(node: Running, words: string[], { input }: { input?: string } = {}) {
    const child = this.#launch(node.home, [CLI, ...words])
    child.stdin?.on('error', () => {})
    child.stdin?.end(input ?? '')
    const output = { stdout: '', stderr: '' }
    child.stdout?.on('data', (piece) => {
      output.stdout += piece
    })
    child.stderr?.on('data', (piece) => {
      output.stderr += piece
    })
    const closed = once(child, 'close') as Promise<[number | null]>
    let isOver = false
    child.once('close', () => {
      isOver = true
    })
    while (!isOver) {
      this.#scan.look(`the arguments of ${words[0]}`, argumentsOf(child.pid))
      await Promise.race([closed, sleep(100)])
    }
    const [code] = await closed
    return { code, stdout: output.stdout, output: output.stdout + output.stderr }
  }

  #launch(home: string, words: readonly string[], extra: Record<string, string> = {}): ChildProcess {
    const cwd = join(this.#folder, 'cwd')
    mkdirSync(cwd, { recursive: true })
    const environment = {
      KIZUNA_HOME: home,
      KIZUNA_PARENT_PID: String(process.pid),
      DISCORD_TOKEN: environmentCanary('a bot’s token'),
      WALLET_PRIVATE_KEY: environmentCanary('a wallet’s key'),
      WEBHOOK_URL: environmentCanary('a webhook’s address'),
      PASSPHRASE: environmentCanary('a passphrase'),
      ...extra,
    }
    const child = spawn(process.execPath, words, {
      cwd,
      env: { ...process.env, ...environment },
      stdio: 'pipe',
    })
    this.#children.push(child)
    return child
  }

  async #end(node: Running, signal: NodeJS.Signals): Promise<void> {
    node.child.kill(signal)
    await this.#gone(node)
    this.#scan.look(`the log of ${basename(node.home)} after ${signal}`, node.output.text)
  }

  async #gone({ child }: Running): Promise<void> {
    if (child.exitCode === null && child.signalCode === null)
      await once(child, 'exit', { signal: AbortSignal.timeout(READY_MS_MAX) })
  }

  killAll(): void {
    for (const child of this.#children) if (child.exitCode === null) child.kill('SIGKILL')
  }
}

const LINK_SECRETS = ['the key of a content', 'the key in a link', 'what a person wrote']

function environmentCanary(name: string): string {
  return `https://example.org/canary-${Buffer.from(name).toString('hex')}`
}

function argumentsOf(pid: number | undefined): string {
  const path = `/proc/${pid}/cmdline`
  try {
    return existsSync(path) ? readFileSync(path, 'latin1') : ''
  } catch {
    return ''
  }
}

function mode(bits: number): string {
  return (bits & 0o777).toString(8)
}
