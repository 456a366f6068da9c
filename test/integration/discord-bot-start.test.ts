/** How `kizuna start` brings the bot up: its token, its sentence when that is wrong, its invite link. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiscordStandIn } from '../fixtures/discord-stand-in/discord-stand-in.ts'
import { KizunaProcess, runKizuna } from '../fixtures/kizuna-process.ts'

const QUIET = ['--port', '0', '--api-port', '0', '--no-mdns', '--no-upnp', '--host', '127.0.0.1']
const WRONG = 'MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.this-token-is-not-one-of-ours-at-all'

/** A folder of its own for a node. */
function place(environment: Record<string, string> = {}) {
  const home = mkdtempSync(join(tmpdir(), 'kizuna-discord-'))
  return { home, environment, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) }
}

test('a missing token, with --discord, ends the start with the sentence and its remedy [K-09] [A-53]', async () => {
  using where = place()
  const { code, stderr } = await runKizuna(where, ['start', '--discord', ...QUIET])
  assert.notEqual(code, 0)
  assert.match(stderr, /An invalid token was provided\./)
  assert.match(stderr, /Check `DISCORD_TOKEN`/)
})

test('a token that Discord does not take: the sentence, exit code ≠ 0, the token nowhere [K-09] [A-53]', async () => {
  await using discord = await DiscordStandIn.start()
  using where = place({ DISCORD_TOKEN: WRONG, KIZUNA_LOG_LEVEL: 'debug' })
  const words = ['start', '--discord', ...QUIET, '--discord-api', discord.api]
  const { code, stdout, stderr } = await runKizuna(where, words)
  assert.notEqual(code, 0)
  assert.match(stderr, /An invalid token was provided\./)
  assert.match(stderr, /Check `DISCORD_TOKEN`/)
  for (const part of WRONG.split('.')) assert.ok(!`${stdout}${stderr}`.includes(part))
})

test('without --discord a wrong token costs the bot, not the node', async () => {
  await using discord = await DiscordStandIn.start()
  using where = place({ DISCORD_TOKEN: WRONG })
  const node = await KizunaProcess.start(where, [
    ...QUIET.slice(4),
    '--port',
    '0',
    '--discord-api',
    discord.api,
  ])
  const { discord: told } = node.ready as unknown as { discord: { notices: string[] } }
  assert.match(told.notices.join(' '), /An invalid token was provided\./)
  assert.equal((await node.call('ping')).message, 'Pong!')
  await node.stop()
})

test('the token comes from a file; the invite link has the right scopes and the least permissions [A-42] [A-58] [A-28]', async () => {
  await using discord = await DiscordStandIn.start()
  using where = place()
  const file = join(where.home, 'token')
  writeFileSync(file, `${discord.application.token}\n`, { mode: 0o600 })
  const environment = { DISCORD_TOKEN_FILE: file, KIZUNA_LOG_LEVEL: 'debug' }
  const node = await KizunaProcess.start({ home: where.home, environment }, [
    '--port',
    '0',
    '--no-mdns',
    '--no-upnp',
    '--discord',
    '--discord-api',
    discord.api,
  ])
  const { discord: told } = node.ready as unknown as { discord: { inviteLink: string } }
  const link = new URL(told.inviteLink)
  assert.equal(link.origin, 'https://discord.com')
  assert.equal(link.searchParams.get('client_id'), discord.application.id)
  assert.deepEqual(link.searchParams.get('scope')?.split(' '), ['bot', 'applications.commands'])
  const permissions = BigInt(link.searchParams.get('permissions') ?? '0')
  const [ADMINISTRATOR, MANAGE_GUILD, MANAGE_ROLES] = [1n << 3n, 1n << 5n, 1n << 28n]
  assert.equal(permissions & (ADMINISTRATOR | MANAGE_GUILD | MANAGE_ROLES), 0n)
  await discord.registered()
  await node.stop()
  assert.ok(!node.log.includes(discord.application.token), 'no token in any log')
})
