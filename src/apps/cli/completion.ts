import { UsageError } from './errors.ts'
import { type CliCommand, GLOBAL_OPTIONS } from './options.ts'

/** The completion script of a shell, for these commands. @throws UsageError */
export function completionScript(shell: string, commands: readonly CliCommand[]): string {
  const make = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell]
  if (make !== undefined) return make(commands)
  throw new UsageError({
    message: `There is no completion for “${shell.slice(0, 20)}”.`,
    hint: 'Write bash, zsh or fish.',
  })
}

function flagsOf(command: CliCommand): { flag: string; description: string; takesValue: boolean }[] {
  return [...command.options, ...GLOBAL_OPTIONS].map(({ flag, description, kind }) => ({
    flag: `--${flag}`,
    description,
    takesValue: kind !== 'switch',
  }))
}

function bashScript(commands: readonly CliCommand[]): string {
  const cases = commands.map(
    (command) =>
      `    ${command.name}) flags="${flagsOf(command)
        .map(({ flag }) => flag)
        .join(' ')}" ;;`,
  )
  return `# Load with: source <(kizuna completion bash)
_kizuna() {
  local word="\${COMP_WORDS[COMP_CWORD]}" flags=""
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')}" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _kizuna kizuna`
}

function zshScript(commands: readonly CliCommand[]): string {
  const names = commands.map(({ name, summary }) => `    '${name}:${zshText(summary)}'`)
  const cases = commands.map((command) => {
    const flags = flagsOf(command).map(
      ({ flag, description, takesValue }) => `'${flag}${takesValue ? '=' : ''}[${zshText(description)}]'`,
    )
    return `    ${command.name}) _arguments ${flags.join(' ')} '*:file:_files' ;;`
  })
  return `#compdef kizuna
# Load with: source <(kizuna completion zsh)
_kizuna() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local chosen=\${words[2]}
  shift words
  (( CURRENT-- ))
  case $chosen in
${cases.join('\n')}
  esac
}
compdef _kizuna kizuna`
}

function fishScript(commands: readonly CliCommand[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c kizuna -n __fish_use_subcommand -a ${command.name} -d '${fishText(command.summary)}'`,
    ...flagsOf(command).map(
      ({ flag, description, takesValue }) =>
        `complete -c kizuna -n '__fish_seen_subcommand_from ${command.name}' -l ${flag.slice(2)}${takesValue ? ' -r' : ''} -d '${fishText(description)}'`,
    ),
  ])
  return ['# Load with: kizuna completion fish | source', ...lines].join('\n')
}

/** Quotes, brackets and colons have a meaning inside a zsh specification; an apostrophe ends the word. */
function zshText(text: string): string {
  return text.replaceAll("'", '’').replaceAll(/[[\]:\\]/g, (letter) => `\\${letter}`)
}

function fishText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
}
