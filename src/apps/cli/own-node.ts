import { commandList } from '../../commands/command-list.ts'
import { CommandRunner } from '../../commands/run-command.ts'
import type { ContentId } from '../../core/content-id.ts'
import { InvalidInputError } from '../../core/errors.ts'
import type { Node } from '../../node/create-node.ts'
import { UsageError } from './errors.ts'
import type { NodeConnection } from './node-connection.ts'

/** Long enough for known peers on the same continent; a lonely node does not wait at all. */
const PEERS_WAIT_MS = 4_000
/** Commands that make sense without anybody else at hand. */
const LOCAL_COMMANDS = ['config', 'help', 'forget', 'list', 'describe']

/** Runs commands on a node of our own, in this process, for as long as they take. */
export function connectToOwnNode(node: Node): NodeConnection {
  const runner = new CommandRunner(node.services)
  const caller = { id: 'cli', permission: 'owner' } as const
  return {
    isRunning: false,
    async run(name, input, { signal, onProgress, body }) {
      const command = commandList.find((one) => one.name === name)
      if (command === undefined) {
        throw new UsageError({ message: `There is no command ${name}.`, hint: '`kizuna help` lists them.' })
      }
      if (!LOCAL_COMMANDS.includes(name)) await node.waitForPeers(PEERS_WAIT_MS, signal)
      return runner.run(command, input, caller, {
        signal,
        progress: onProgress ?? (() => {}),
        ...(body === undefined ? {} : { body }),
      })
    },
    async *read({ id, key, offset, timeoutMs, signal }) {
      const found = await node.services.content.retrieve(id as ContentId, {
        signal,
        reuse: true,
        timeoutMs: timeoutMs ?? node.services.config.downloadTimeoutMs,
        ...(key === undefined ? {} : { key: Buffer.from(key, 'base64url') }),
        ...(offset === 0 ? {} : { range: { offset, length: Number.MAX_SAFE_INTEGER - offset } }),
      })
      if (found.kind !== 'file')
        throw new InvalidInputError({ what: 'The content', reason: 'it is a folder' })
      yield* found.bytes
    },
    close: () => node.stop(),
  }
}
