/**
 * The one message of the Kademlia protocol that we send ourselves (libp2p specification `kad-dht`, protobuf):
 * `Message { type = 1: ADD_PROVIDER (2); key = 2; providerPeers = 9: Peer { id = 1; addrs = 2 } }`, behind its
 * length as a varint. The library looks every key up anew; many of these fit on one stream.
 */
const ADD_PROVIDER = 2

/** @param facts.key the multihash of the content; @param facts.peer our peer id as a multihash. */
export function encodeAddProvider(facts: {
  key: Uint8Array
  peer: Uint8Array
  addresses: readonly Uint8Array[]
}): Uint8Array {
  const provider = Buffer.concat([
    lengthDelimited(1, facts.peer),
    ...facts.addresses.map((address) => lengthDelimited(2, address)),
  ])
  const message = Buffer.concat([
    Buffer.from([1 << 3, ADD_PROVIDER]),
    lengthDelimited(2, facts.key),
    lengthDelimited(9, provider),
  ])
  return Buffer.concat([varint(message.byteLength), message])
}

function lengthDelimited(field: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.byteLength), bytes])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}
