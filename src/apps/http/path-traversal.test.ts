/**
 * Goal: whatever is put into a path, a query or a header, the HTTP API touches no file outside `uploads/`.
 * Method: a data folder with sentinel files, a disk that notes every path it is asked for, and some 700 payloads
 * sent raw, because an ordinary client would tidy them up.
 */
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import type { Disk } from '../../storage/disk.ts'
import { createTestServices, startTestServer, TOKEN } from './http-server.suite.ts'

const SENTINEL = 'sentinel-6f1d'
const TARGETS = ['identity.key', 'config.json', 'api.json', 'index.db']
const CLIMBS = [
  '../',
  '..%2f',
  '..%2F',
  '%2e%2e/',
  '%2e%2e%2f',
  '..\\',
  '..%5c',
  '..%255c',
  '%252e%252e%252f',
  '..%c0%af',
  '..%ef%bc%8f',
  '....//',
  '..;/',
  './../',
  '%2e./',
  '.%2e/',
  '..%00/',
  '..%0a/',
  '/',
  '//',
  '%2f',
  'C:\\',
  'C:%5c',
  '\\\\host\\share\\',
  '%5c%5c?%5cC:%5c',
  'file:///',
  'a/../../',
  'uploads/../',
  '․․/',
]

function payloads(): string[] {
  return CLIMBS.flatMap((climb) =>
    TARGETS.flatMap((target) =>
      [1, 2, 6].flatMap((times) => [
        `${climb.repeat(times)}${target}`,
        `${climb.repeat(times)}${target}%00.part`,
      ]),
    ),
  )
}

test('no path, query or header makes the API touch a file outside its uploads [R-14]', async (context) => {
  const { services, disk } = createTestServices()
  for (const target of TARGETS.slice(0, 3)) await disk.writeFile(target, Buffer.from(SENTINEL))
  const touched = new Set<string>()
  const watched = new Proxy(disk as Disk, {
    get(inner, name) {
      const value = Reflect.get(inner, name, inner)
      if (typeof value !== 'function') return value
      return (...rest: unknown[]) => {
        if (typeof rest[0] === 'string') touched.add(rest[0])
        return value.apply(inner, rest)
      }
    },
  })
  const server = await startTestServer(context, { ...services, disk: watched })
  const { hostname, port } = new URL(server.url)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  context.after(() => agent.destroy())
  const send = (method: string, path: string, headers = {}) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const outgoing = request(
        {
          hostname,
          port,
          method,
          // Node refuses to send raw non-ASCII or control characters; servers get them encoded.
          path: path.replace(/[^\x21-\x7e]/g, (character) => encodeURIComponent(character)),
          agent,
          headers: { authorization: `Bearer ${TOKEN}`, 'tus-resumable': '1.0.0', ...headers },
        },
        (response) => {
          let body = ''
          response.on('data', (piece) => {
            body += piece
          })
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
        },
      )
      outgoing.on('error', reject)
      outgoing.end()
    })
  const all = payloads()
  assert.ok(all.length >= 500, `${all.length} payloads`)
  const wrong: string[] = []
  for (const payload of all) {
    const answers = await Promise.all([
      send('GET', `/v1/content/${payload}`),
      send('GET', `/v1/content/${'a'.repeat(64)}?path=${payload}`),
      send('GET', `/v1/uploads/${payload}`),
      send('DELETE', `/v1/uploads/${payload}`),
      send('PATCH', `/v1/uploads/${payload}`, {
        'upload-offset': 0,
        'content-type': 'application/offset+octet-stream',
      }),
      send('GET', `/${payload}`),
    ])
    for (const { status, body } of answers) {
      if (status < 400 || status >= 500 || body.includes(SENTINEL)) wrong.push(`${payload}: ${status}`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.deepEqual(
    [...touched].filter((path) => path !== '' && path !== 'uploads'),
    [],
  )
  for (const target of TARGETS.slice(0, 3))
    assert.equal(Buffer.from(await disk.readFile(target, 100)).toString(), SENTINEL)
})
