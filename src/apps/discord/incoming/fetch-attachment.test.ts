import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SystemClock } from '../../../core/clock.ts'
import { AttachmentEmptyError, AttachmentTooLargeError, AttachmentUnreadableError } from '../errors.ts'
import { attachmentSource, isAttachmentAddress } from './fetch-attachment.ts'

const DISCORD = new URL('https://discord.com/api')
const OURS = new URL('http://127.0.0.1:4000/api')

test('attachments come from Discord’s own hosts and from nowhere else', () => {
  for (const url of [
    'https://cdn.discordapp.com/attachments/1/2/a.png?ex=1&is=2&hm=3',
    'https://media.discordapp.net/attachments/1/2/a.png',
  ]) {
    assert.ok(isAttachmentAddress(url, DISCORD), url)
  }
  for (const url of [
    'http://cdn.discordapp.com/attachments/1/2/a.png',
    'https://cdn.discordapp.com.evil.example/a.png',
    'https://cdn.discordapp.com:8443/a.png',
    'https://cdn.discordapp.com@evil.example/a.png',
    'https://evil.example/cdn.discordapp.com',
    'https://discord.com/a.png',
    'http://127.0.0.1/a.png',
    'http://169.254.169.254/latest/meta-data',
    'file:///etc/passwd',
    'not an address',
    '',
  ]) {
    assert.ok(!isAttachmentAddress(url, DISCORD), url)
  }
})

test('where the API is not Discord’s, attachments may come from the same host', () => {
  assert.ok(isAttachmentAddress('http://127.0.0.1:5000/attachments/1', OURS))
  assert.ok(!isAttachmentAddress('http://127.0.0.2:5000/attachments/1', OURS))
  assert.ok(!isAttachmentAddress('file://127.0.0.1/etc/passwd', OURS))
})

test('an empty, a too large and a foreign attachment are refused before anything is fetched', () => {
  const open = attachmentSource({ clock: new SystemClock() }, { api: DISCORD.href, bytesMax: 1_000 })
  const signal = new AbortController().signal
  const url = 'https://cdn.discordapp.com/attachments/1/2/a.png'
  assert.throws(() => open({ url, name: 'a', sizeBytes: 0 }, signal), AttachmentEmptyError)
  assert.throws(() => open({ url, name: 'a', sizeBytes: 1_001 }, signal), AttachmentTooLargeError)
  const foreign = { url: 'https://evil.example/a', name: 'a', sizeBytes: 10 }
  assert.throws(() => open(foreign, signal), AttachmentUnreadableError)
})
