import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { networkGroupOf, networkGroupOfIp } from './network-group.ts'

const PEER = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'

test('an address belongs to its /24 or /48 [R-07]', () => {
  const groups: [string, string | undefined][] = [
    ['/ip4/203.0.113.77/tcp/1', '203.0.113.0/24'],
    ['/ip4/203.0.114.77/tcp/1', '203.0.114.0/24'],
    ['/ip6/2001:db8:7:8::1/tcp/1', '2001:db8:7::/48'],
    ['/ip6/2001:db8:7:9:1:2:3:4/tcp/1', '2001:db8:7::/48'],
    ['/ip6/2001:db8::1/tcp/1', '2001:db8:0::/48'],
    ['/ip6/::1/tcp/1', '0:0:0::/48'],
    ['/ip6/::ffff:203.0.113.9/tcp/1', '203.0.113.0/24'],
    ['/dns4/example.org/tcp/1', undefined],
    [`/ip4/203.0.113.77/tcp/1/p2p/${PEER}/p2p-circuit/p2p/${PEER}`, undefined],
    ['/memory/1', undefined],
  ]
  for (const [address, group] of groups) assert.equal(networkGroupOf(multiaddr(address)), group, address)
})

test('so does the bare address of a socket, also in IPv6 dress and with a zone [R-05]', () => {
  const groups: [string, string | undefined][] = [
    ['203.0.113.77', '203.0.113.0/24'],
    ['::ffff:203.0.113.9', '203.0.113.0/24'],
    ['2001:db8:7:8::1', '2001:db8:7::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['', undefined],
    ['example.org', undefined],
  ]
  for (const [address, group] of groups) assert.equal(networkGroupOfIp(address), group, address)
})
