/** The part of dynalite that our tests use; the package brings no declarations. */
declare module 'dynalite' {
  import type { Server } from 'node:http'

  /** A DynamoDB in memory. */
  export default function dynalite(options: {
    createTableMs?: number
    deleteTableMs?: number
    updateTableMs?: number
  }): Server
}
