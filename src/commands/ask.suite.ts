/** Gives a command to a node the way every app does. */
import type { Node } from '../node/create-node.ts'
import type { Caller, CommandProgress } from './command.ts'
import { commandList } from './command-list.ts'
import { CommandRunner } from './run-command.ts'

const OWNER: Caller = { id: 'test', permission: 'owner' }

/** The result of a command, as plain data. */
export async function ask(
  node: Node,
  name: string,
  input: Record<string, unknown> = {},
  options: {
    body?: AsyncIterable<Uint8Array>
    progress?: (update: CommandProgress) => void
    caller?: Caller
  } = {},
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asked for.
): Promise<any> {
  const command = commandList.find((one) => one.name === name)
  if (command === undefined) throw new Error(`There is no command ${name}.`)
  const result = await new CommandRunner(node.services).run(command, input, options.caller ?? OWNER, {
    signal: new AbortController().signal,
    progress: options.progress ?? (() => {}),
    ...(options.body === undefined ? {} : { body: options.body }),
  })
  return JSON.parse(JSON.stringify(result))
}
