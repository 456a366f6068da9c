import { flagOf, variableOf } from './config.ts'
import { CONFIG_KEYS, type ConfigKey, nodeConfigSchema, RUNTIME_KEYS } from './config-schema.ts'

const HEAD = `# Configuration

<!-- Made from src/node/config-schema.ts by \`node scripts/write-configuration-page.ts\`. A test compares them. -->

A setting comes from a flag of \`kizuna start\`, an environment variable, \`config.json\` in the data folder, or its
default, in this order. \`kizuna config\` lists what is in force; \`kizuna config set KEY VALUE\` checks a value against
all others and writes it into \`config.json\`. What is marked • takes effect at once, the rest at the next start.

Sizes are written like \`500MB\` or \`10GiB\`, times like \`30s\`, \`15min\` or \`2h\`, switches as \`true\` or \`false\` (as
flags: \`--mdns\`, \`--no-mdns\`), lists with commas. A configuration with faults stops the start, with all of them named.

| Setting | Flag, variable | Default | Meaning |
| --- | --- | --- | --- |
`

/** docs/using/configuration.md, from the schema. */
export function configurationPage(): string {
  return HEAD + CONFIG_KEYS.map(rowOf).join('')
}

function rowOf(key: ConfigKey): string {
  const schema = nodeConfigSchema.shape[key]
  const mark = RUNTIME_KEYS.includes(key) ? ' •' : ''
  const fallback = schema.safeParse(undefined)
  const shown = fallback.success ? textOf(key, fallback.data) : ''
  const meaning = (schema.description ?? '').replaceAll('|', '\\|')
  return `| \`${key}\`${mark} | \`${flagOf(key)}\`, \`${variableOf(key)}\` | ${shown} | ${meaning} |\n`
}

const GIB = 1024 ** 3

function textOf(key: ConfigKey, value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  if (value === '') return ''
  if (typeof value === 'number' && key.includes('Bytes') && value > 0 && value % GIB === 0)
    return `${value / GIB}GiB`
  if (typeof value === 'number' && key.endsWith('Ms')) {
    return value % 60_000 === 0 ? `${value / 60_000}min` : `${value / 1000}s`
  }
  return String(value)
}
