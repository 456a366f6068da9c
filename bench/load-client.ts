/**
 * A program that asks a node's HTTP API as fast as it answers, over some connections, for some seconds, and says in one
 * line of JSON how it was answered: `node bench/load-client.ts '{"api":…,"token":…,"kind":"metadata",…}'`. It speaks
 * HTTP/1.1 on bare sockets, so that it takes little of the processor from the node.
 */
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { quantile } from './latency.ts'

/** What a client is asked to do. */
export interface LoadPlan {
  api: string
  token: string
  /** `HEAD` of a content, `GET` of a content, or sharing `putBytes` new bytes durably on this machine. */
  kind: 'metadata' | 'get' | 'put'
  ids: readonly string[]
  putBytes: number
  connections: number
  seconds: number
}

/** How it was answered. */
export interface LoadReport {
  kind: LoadPlan['kind']
  /** Answers by status. */
  statuses: Record<string, number>
  /** 429 and 503 that do not say when to come again. */
  withoutRetryAfter: number
  bytes: number
  seconds: number
  /** Of admitted requests (ms). */
  medianMs: number
  p99Ms: number
}

interface Answer {
  status: number
  retryAfterMs: number | undefined
  bytes: number
}

/** A told-off client waits no longer than this before it tries again (ms). */
const WAIT_MS_MAX = 1_000

const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan
const { hostname, port, host } = new URL(plan.api)
const body = Buffer.alloc(plan.kind === 'put' ? plan.putBytes : 0)
randomFillSync(body)
const latencies: number[] = []
const statuses: Record<string, number> = {}
let bytes = 0
let withoutRetryAfter = 0
let sent = 0

const begin = performance.now()
const end = begin + plan.seconds * 1_000
await Promise.all(Array.from({ length: plan.connections }, askUntilEnd))
const report: LoadReport = {
  kind: plan.kind,
  statuses,
  withoutRetryAfter,
  bytes,
  seconds: (performance.now() - begin) / 1_000,
  medianMs: quantile(latencies, 0.5),
  p99Ms: quantile(latencies, 0.99),
}
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit())

async function askUntilEnd(): Promise<void> {
  let socket: Socket | undefined
  while (performance.now() < end) {
    const asked = performance.now()
    let status = 'broken'
    try {
      if (socket === undefined || socket.destroyed) socket = await opened()
      const answer = await ask(socket)
      status = String(answer.status)
      if (answer.status < 300) {
        latencies.push(performance.now() - asked)
        bytes += plan.kind === 'put' ? body.byteLength : answer.bytes
      } else {
        if (answer.retryAfterMs === undefined) withoutRetryAfter++
        await setTimeout(Math.min(answer.retryAfterMs ?? 0, WAIT_MS_MAX))
      }
    } catch {
      socket?.destroy()
      socket = undefined
      await setTimeout(50)
    }
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  socket?.destroy()
}

async function opened(): Promise<Socket> {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  // An answer that refuses a body may end the connection while we still write.
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

async function ask(socket: Socket): Promise<Answer> {
  socket.write(head())
  if (plan.kind === 'put') {
    // Never the same content twice.
    body.writeUInt32LE(sent, 0)
    body.writeDoubleLE(performance.now(), 8)
    socket.write(Buffer.from(body))
  }
  let received = Buffer.alloc(0)
  let missing = Number.POSITIVE_INFINITY
  let answer: Answer | undefined
  return new Promise((resolve, reject) => {
    const done = (error?: Error) => {
      socket.off('data', onData).off('close', onClose).off('error', done)
      if (answer === undefined || error !== undefined) reject(error ?? new Error('closed'))
      else resolve(answer)
    }
    const onClose = () => done(new Error('closed'))
    const onData = (data: Buffer) => {
      if (answer === undefined) {
        received = Buffer.concat([received, data])
        const headEnd = received.indexOf('\r\n\r\n')
        if (headEnd < 0) return
        answer = readHead(received.toString('latin1', 0, headEnd))
        missing = answer.bytes - (received.byteLength - headEnd - 4)
      } else missing -= data.byteLength
      if (missing <= 0) done()
    }
    socket.on('data', onData).on('close', onClose).on('error', done)
  })
}

function head(): string {
  const id = plan.ids[sent++ % plan.ids.length]
  const method = { metadata: 'HEAD', get: 'GET', put: 'POST' }[plan.kind]
  const path = plan.kind === 'put' ? '/v1/share?wait=local&name=load.bin' : `/v1/content/${id}`
  const length = plan.kind === 'put' ? `Content-Length: ${body.byteLength}\r\n` : ''
  const type = plan.kind === 'put' ? 'Content-Type: application/octet-stream\r\n' : ''
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${plan.token}\r\n${type}${length}\r\n`
}

function readHead(text: string): Answer {
  const field = (name: string) => new RegExp(`^${name}: *(\\S+)`, 'im').exec(text)?.[1]
  const after = field('retry-after')
  const status = Number(text.slice(9, 12))
  const hasBody = plan.kind !== 'metadata'
  return {
    status,
    retryAfterMs: after === undefined ? undefined : Number(after) * 1_000,
    bytes: hasBody ? Number(field('content-length') ?? 0) : 0,
  }
}
