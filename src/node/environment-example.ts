import { variableOf } from './config.ts'
import { CONFIG_KEYS, nodeConfigSchema } from './config-schema.ts'
import { KNOWN_NAMES } from './environment.ts'
import { SECRET_VARIABLES } from './secrets.ts'

const HEAD = `# Made from src/node/config-schema.ts by \`node scripts/write-configuration-page.ts\`. A test compares them.
#
# Copy this to \`.env\` beside package.json and take the # away where you want another value. \`npm start\` reads it, and
# after it \`.env.development\`, \`.env.staging\` or \`.env.production\`, as KIZUNA_ENVIRONMENT says; what is set in the
# shell wins. An installed program takes the same variables from systemd (EnvironmentFile) or a container.
# docs/using/configuration.md explains every one; flags win over these, and these over \`kizuna config\`.
`
const SECRETS_HEAD = `
# Secrets. With _FILE behind its name a variable names a file (mode 0600) that holds the secret.
`
const MORE_HEAD = `
# Names that other programs know, too.
`

/** `.env.example`: every variable that the program reads, each with its default. */
export function environmentExample(): string {
  const settings = CONFIG_KEYS.map((key) => {
    const schema = nodeConfigSchema.shape[key]
    const fallback = schema.safeParse(undefined)
    const shown = fallback.success ? String(fallback.data ?? '') : ''
    return `#${variableOf(key)}=${shown}\n`
  })
  const secrets = Object.values(SECRET_VARIABLES).flatMap((name) => [`#${name}=\n`, `#${name}_FILE=\n`])
  const more = [...Object.keys(KNOWN_NAMES), 'AWS_REGION'].map((name) => `#${name}=\n`)
  return [HEAD, '\n', ...settings, SECRETS_HEAD, ...secrets, MORE_HEAD, ...more].join('')
}
