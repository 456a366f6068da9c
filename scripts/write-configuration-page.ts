/** Writes docs/using/configuration.md and .env.example from the settings' schema. */
import { writeFileSync } from 'node:fs'
import { configurationPage } from '../src/node/configuration-page.ts'
import { environmentExample } from '../src/node/environment-example.ts'

writeFileSync(new URL('../docs/using/configuration.md', import.meta.url), configurationPage())
writeFileSync(new URL('../.env.example', import.meta.url), environmentExample())
