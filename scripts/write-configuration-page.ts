/** Writes docs/using/configuration.md from the settings' schema. */
import { writeFileSync } from 'node:fs'
import { configurationPage } from '../src/node/configuration-page.ts'

writeFileSync(new URL('../docs/using/configuration.md', import.meta.url), configurationPage())
