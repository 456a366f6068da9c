/**
 * Kizuna as a library: `createNode(loadConfig({ … }))` gives a whole node. See examples/share-and-get.ts.
 */
export type { Command, CommandContext, CommandProgress, Permission } from './commands/command.ts'
export { commandList } from './commands/command-list.ts'
export { CommandRunner } from './commands/run-command.ts'
export type {
  Content,
  DurabilityPolicy,
  ObjectDurability,
  PublishedContent,
  PublishOptions,
  RetrievedContent,
  RetrieveOptions,
} from './content/content.ts'
export { type ContentId, formatContentId, parseContentId } from './core/content-id.ts'
export { type ErrorKind, isKizunaError, KizunaError, type SerialisedError } from './core/kizuna-error.ts'
export { type PeerId, parsePeerId } from './core/signing-key.ts'
export { type ConfigSources, loadConfig } from './node/config.ts'
export type { NodeConfig } from './node/config-schema.ts'
export { createNode, type Node, type NodeSeams } from './node/create-node.ts'
export type { Services } from './node/services.ts'
export { VERSION } from './node/version.ts'
export { readPieces } from './storage/read-pieces.ts'
