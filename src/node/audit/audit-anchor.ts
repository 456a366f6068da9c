/** The newest entry of an audit log at some time. */
export interface AuditHead {
  sequence: number
  /** 64 hex digits. */
  hash: string
}

/** A place outside this machine's power that remembers heads of the audit log: the members, a chain. */
export interface AuditAnchor {
  /** One word, such as `space`. */
  readonly name: string
  /** Remembers a head; may be told the same one again. */
  publish(head: AuditHead, signal?: AbortSignal): Promise<void>
  /** What it remembers of this node. */
  heads(signal?: AbortSignal): Promise<AuditHead[]>
}
