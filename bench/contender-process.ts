import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'

/** A contender's program while it runs; how it speaks is said in contenders/contender-program.ts. */
export class ContenderProcess {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface
  #errors = ''
  #isReady = false

  constructor(command: readonly string[], words: readonly string[]) {
    const [program = '', ...before] = command
    this.#child = spawn(program, [...before, ...words], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stderr?.on('data', (data: Buffer) => {
      this.#errors = (this.#errors + data.toString()).slice(-4_000)
    })
    // A contender that ends early is told of by the line that does not come.
    this.#child.stdin?.on('error', () => undefined)
    this.#reader = createInterface({ input: this.#child.stdout ?? process.stdin })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  /** What it says next under this name. */
  async said(name: string): Promise<string | number | boolean> {
    for (;;) {
      const { done, value } = await this.#lines.next()
      if (done === true) throw new Error(`It ended before it said “${name}”.\n${this.#errors}`)
      if (!value.startsWith('{')) continue
      const line = JSON.parse(value) as Record<string, string | number | boolean>
      if (line[name] !== undefined) return line[name]
    }
  }

  /** Resolves when it waits for the sign. */
  async ready(): Promise<void> {
    if (!this.#isReady) await this.said('ready')
    this.#isReady = true
  }

  /** Gives the sign once it is ready; the seconds that its work took. */
  async work(): Promise<number> {
    await this.ready()
    this.#isReady = false
    this.#child.stdin?.write('go\n')
    return Number(await this.said('seconds'))
  }

  /** Kills it and waits until it is gone. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
    this.#reader.close()
  }
}
