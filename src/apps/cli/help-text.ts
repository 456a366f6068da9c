import { type CliCommand, GLOBAL_OPTIONS, type Option } from './options.ts'

const WIDTH_MAX = 100
const FLAG_WIDTH_MAX = 34

/** All commands, one line each. */
export function overviewText(commands: readonly CliCommand[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    'Kizuna: a community’s files on its members’ own machines.',
    '',
    'Usage: kizuna COMMAND [WORDS] [--flags]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Every command takes --json for data, --home for another data folder, and --help.',
    'First steps: `kizuna start`, then in another window `kizuna share FILE` and `kizuna invite`.',
  ].join('\n')
}

/** Everything about one command. */
export function commandText(command: CliCommand): string {
  const words = command.positional.map((name) =>
    command.required.includes(name) ? name.toUpperCase() : `[${name.toUpperCase()}]`,
  )
  const usage = ['kizuna', command.name, ...words, ...(command.options.length > 0 ? ['[--flags]'] : [])]
  return [
    `Usage: ${usage.join(' ')}`,
    '',
    ...command.description.split('\n').flatMap((line) => wrap(line, WIDTH_MAX)),
    '',
    'Flags:',
    ...[...command.options, ...GLOBAL_OPTIONS].flatMap(optionLines),
  ].join('\n')
}

function optionLines(option: Option): string[] {
  const value = option.kind === 'switch' ? '' : ` ${(option.choices ?? [option.key.toUpperCase()]).join('|')}`
  const short = option.short === undefined ? '' : `-${option.short}, `
  const head = `  ${short}--${option.flag}${value}`
  const fallback = option.default
  const shown = Array.isArray(fallback) ? fallback.join(',') : String(fallback ?? '')
  const notes = [
    ...(option.form === undefined || option.kind === 'switch' ? [] : [option.form]),
    ...(shown === '' || shown === 'false' ? [] : [`default ${shown}`]),
  ]
  const text = `${option.description}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`
  const lines = wrap(text, WIDTH_MAX - FLAG_WIDTH_MAX - 2)
  const indent = ' '.repeat(FLAG_WIDTH_MAX + 2)
  if (head.length > FLAG_WIDTH_MAX) return [head, ...lines.map((line) => indent + line)]
  return lines.map((line, index) => (index === 0 ? `${head.padEnd(FLAG_WIDTH_MAX)}  ${line}` : indent + line))
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
