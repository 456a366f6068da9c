import { commandList } from '../../commands/command-list.ts'
import type { CliAction } from './action.ts'
import { getAction } from './get-action.ts'
import { inviteAction } from './invite-action.ts'
import { type CliCommand, cliCommandOf, settingOptions } from './options.ts'
import { shareAction } from './share-action.ts'

/** What the CLI does around some commands. */
export const CLI_ACTIONS: Readonly<Record<string, CliAction>> = {
  get: getAction,
  share: shareAction,
  invite: inviteAction,
}

/** Runs a node; there is no such command elsewhere, because elsewhere a node runs already. */
const START: CliCommand = {
  name: 'start',
  summary: 'Run a node until you stop it',
  description:
    'Makes an identity and a space of its own at the first start, finds its peers again at every other. Stop it with Ctrl-C. Every setting is also a variable KIZUNA_… and a key of `kizuna config`.\n\nExample: kizuna start --bootstrap 192.0.2.7:4001',
  positional: [],
  required: [],
  options: [
    {
      flag: 'stop-with-parent',
      key: 'stopWithParent',
      kind: 'switch',
      description: 'Stop when standard input closes; for programs that start a node',
    },
    {
      flag: 'discord',
      key: 'discord',
      kind: 'switch',
      description: 'Demand the Discord bot: without a good DISCORD_TOKEN the start fails',
    },
    ...settingOptions(),
  ],
}

/** Prints what a shell needs. */
const COMPLETION: CliCommand = {
  name: 'completion',
  summary: 'Print the completion script of a shell',
  description: 'For bash, zsh or fish.\n\nExample: source <(kizuna completion bash)',
  positional: ['shell'],
  required: ['shell'],
  options: [],
}

/** Every command of the command line, in the order of help. */
export function cliCommands(): CliCommand[] {
  const derived = commandList.map((command) => {
    const cli = cliCommandOf(command)
    return { ...cli, options: [...(CLI_ACTIONS[cli.name]?.options ?? []), ...cli.options] }
  })
  return [START, ...derived, COMPLETION]
}
