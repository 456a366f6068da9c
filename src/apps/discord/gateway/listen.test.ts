import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type APIInteraction, Client, GatewayDispatchEvents } from 'discord.js'
import { listen } from './listen.ts'

const INTERACTION = {
  id: '1',
  application_id: '2',
  token: 'secret',
  version: 1,
  type: 2,
  user: { id: '3', username: 'alder', discriminator: '0', avatar: null, global_name: null },
  data: { id: '4', name: 'ping', type: 1 },
  entitlements: [],
  authorizing_integration_owners: {},
  locale: 'fr',
}

/** What discord.js does with an interaction once it is connected. */
function receive(client: Client): void {
  const ws = Reflect.get(client, 'ws' as string) as {
    status: number
    emit: (event: string, data: unknown, shard: number) => void
    handlePacket: (packet: object, shard: object) => void
  }
  ws.status = 0
  ws.emit(GatewayDispatchEvents.InteractionCreate, INTERACTION, 0)
  ws.handlePacket({ t: GatewayDispatchEvents.InteractionCreate, d: INTERACTION }, {})
}

test('interactions come as Discord sends them, and discord.js makes no objects of them', async () => {
  const wrapped: unknown[] = []
  const heard: APIInteraction[] = []
  const nothing = () => {}
  const client = new Client({ intents: [] })
  client.on('interactionCreate', (interaction) => wrapped.push(interaction))
  receive(client)
  assert.equal(wrapped.length, 1, 'as it would be without us')
  listen(client, {
    interaction: (interaction) => heard.push(interaction),
    message: nothing,
    joined: nothing,
    left: nothing,
    lost: nothing,
    connection: nothing,
  })
  receive(client)
  assert.deepEqual(heard, [INTERACTION])
  assert.equal(wrapped.length, 1, 'none more')
  await client.destroy()
})
