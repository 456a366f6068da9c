import { readFile } from 'node:fs/promises'
import { InvalidInputError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'

/** What the node is trusted with from outside; never part of the settings, so that no listing of them shows it. */
export interface Secrets {
  /** Of the Discord application's bot. */
  discordToken?: Secret<string>
  /** Where Sentry takes reports; it contains a key. */
  sentryDsn?: Secret<string>
  /** For DynamoDB; the three have the names that every program for AWS knows. */
  awsAccessKeyId?: Secret<string>
  awsSecretAccessKey?: Secret<string>
  awsSessionToken?: Secret<string>
  /** Where MongoDB is; it may contain a password. */
  mongodbUri?: Secret<string>
}

/** Each secret's variable; with `_FILE` behind it, the variable names a file that holds it. */
export const SECRET_VARIABLES = {
  discordToken: 'DISCORD_TOKEN',
  sentryDsn: 'SENTRY_DSN',
  awsAccessKeyId: 'AWS_ACCESS_KEY_ID',
  awsSecretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  awsSessionToken: 'AWS_SESSION_TOKEN',
  mongodbUri: 'MONGODB_URI',
} as const
const LENGTH_MAX = 4_000

/** Reads the secrets. @throws InvalidInputError when a file that is named cannot be read. */
export async function loadSecrets(variables: Readonly<Record<string, string>>): Promise<Secrets> {
  const secrets: Secrets = {}
  for (const name of Object.keys(SECRET_VARIABLES) as (keyof Secrets)[]) {
    const text = await secretText(SECRET_VARIABLES[name], variables)
    if (text !== undefined) secrets[name] = new Secret(text)
  }
  return secrets
}

async function secretText(
  variable: string,
  variables: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const path = variables[`${variable}_FILE`]
  const text = (
    variables[variable] ?? (path === undefined ? '' : await readSecretFile(variable, path))
  ).trim()
  if (text.length > LENGTH_MAX)
    throw new InvalidInputError({ what: variable, reason: `it is longer than ${LENGTH_MAX} characters` })
  return text === '' ? undefined : text
}

async function readSecretFile(variable: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException
    throw new InvalidInputError({
      what: `${variable}_FILE`,
      reason: `the file it names cannot be read (${code})`,
      hint: `Write the secret into that file with mode 0600, or set ${variable}.`,
    })
  }
}
