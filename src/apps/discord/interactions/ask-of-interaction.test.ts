/** Who asks by an interaction. What Discord says of servers that we are not part of must mean nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { APIInteraction } from 'discord.js'
import { permissionOf } from '../ask.ts'
import { askOfInteraction } from './ask-of-interaction.ts'

const ADMINISTRATOR = '8'

function interaction(change: object): APIInteraction {
  return {
    id: '1',
    type: 2,
    token: 't',
    application_id: '3',
    guild_id: '9',
    channel: { id: '5', type: 0 },
    member: { user: { id: '1', username: 'alder' }, roles: ['21'], permissions: ADMINISTRATOR },
    app_permissions: '2048',
    locale: 'ja',
    attachment_size_limit: 52_428_800,
    authorizing_integration_owners: { 0: '9' },
    ...change,
  } as unknown as APIInteraction
}

const standing = {
  settings: { memberRoles: ['21'], stewardRoles: ['21'] },
  owners: new Set<string>(),
  counts: true,
  isKnownMember: () => false,
}

test('on a server that the bot was added to, roles and rights count', () => {
  const ask = askOfInteraction(interaction({}))
  assert.equal(ask.guild, '9')
  assert.deepEqual(ask.roles, ['21'])
  assert.equal(ask.locale, 'ja')
  assert.equal(ask.attachmentBytesMax, 52_428_800)
  assert.equal(permissionOf(ask, standing), 'steward')
})

test('an administrator of a server where only a person brought the bot along is a stranger', () => {
  for (const owners of [{ 1: '1' }, { 0: '8', 1: '1' }, { 0: '0' }, {}, undefined]) {
    const ask = askOfInteraction(interaction({ authorizing_integration_owners: owners }))
    assert.equal(ask.guild, undefined)
    assert.deepEqual(ask.roles, [])
    assert.equal(ask.permissions, 0n)
    assert.equal(permissionOf(ask, standing), 'anyone')
  }
})

test('in a direct message there are neither roles nor rights', () => {
  const change = { guild_id: undefined, member: undefined, user: { id: '1', username: 'alder' } }
  const ask = askOfInteraction(interaction(change))
  assert.equal(ask.user, '1')
  assert.equal(permissionOf(ask, standing), 'anyone')
})
