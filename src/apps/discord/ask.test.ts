/** Who may do what on Discord: the roles of people there against the permissions of every command. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Permission } from '../../commands/command.ts'
import { type Ask, callerOf, permissionOf, type Standing } from './ask.ts'

const ask: Ask = {
  user: '1',
  userName: 'alder',
  guild: '9',
  channel: '5',
  roles: [],
  permissions: 0n,
  botPermissions: 0n,
  locale: 'en',
  attachmentBytesMax: 1,
}
const standing: Standing = {
  settings: { memberRoles: [], stewardRoles: [] },
  owners: new Set(['7']),
  counts: true,
  isKnownMember: () => false,
}
const MANAGE_GUILD = 1n << 5n
const withRoles = { settings: { memberRoles: ['21'], stewardRoles: ['22'] } }

const CASES: [string, Partial<Ask>, Partial<Standing>, Permission][] = [
  ['somebody in a server without roles set', {}, {}, 'member'],
  ['somebody without the role of members', {}, withRoles, 'anyone'],
  ['somebody with the role of members', { roles: ['21'] }, withRoles, 'member'],
  ['somebody with the role of stewards', { roles: ['22'] }, withRoles, 'steward'],
  ['who may manage the server', { permissions: MANAGE_GUILD }, withRoles, 'steward'],
  ['an administrator', { permissions: 8n }, withRoles, 'steward'],
  ['the owner of the application', { user: '7' }, withRoles, 'owner'],
  ['the owner in a direct message', { user: '7', guild: undefined }, {}, 'owner'],
  ['a stranger in a direct message', { guild: undefined, permissions: MANAGE_GUILD }, {}, 'anyone'],
  ['a member in a direct message', { guild: undefined }, { isKnownMember: () => true }, 'member'],
  ['who manages a server that does not count', { permissions: MANAGE_GUILD }, { counts: false }, 'anyone'],
  ['who manages a server that counts', { permissions: MANAGE_GUILD }, { counts: true }, 'steward'],
]

for (const [who, change, around, expected] of CASES) {
  test(`${who} asks as ${expected}`, () => {
    assert.equal(permissionOf({ ...ask, ...change }, { ...standing, ...around }), expected)
  })
}

test('a caller has the person’s id, the server as group, and the language', () => {
  assert.deepEqual(callerOf({ ...ask, locale: 'fr' }, standing), {
    id: 'discord:1',
    permission: 'member',
    group: 'discord:9',
    locale: 'fr',
  })
  assert.equal(callerOf({ ...ask, guild: undefined }, standing).group, 'discord:direct')
})
