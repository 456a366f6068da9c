import { median, type Standing } from './rounds.ts'

/** Ours against one of the others, medians of one run. */
export interface Goal {
  ours: string
  theirs: string
  /** Ours divided by theirs has to be at least this. */
  atLeast: number
}

export const transferGoals: readonly Goal[] = [
  { ours: 'Kizuna, kept', theirs: 'Node TLS, onread, not stored', atLeast: 0.45 },
  { ours: 'Kizuna, kept', theirs: 'Node TLS + SHA-256, one thread, not stored', atLeast: 0.9 },
  { ours: 'Kizuna, kept', theirs: 'libtorrent, unencrypted', atLeast: 2.2 },
  { ours: 'Kizuna, kept', theirs: 'WebTorrent', atLeast: 3.5 },
  { ours: 'Kizuna, kept', theirs: 'iroh', atLeast: 6 },
  { ours: 'Kizuna, kept', theirs: 'Helia bitswap', atLeast: 40 },
  { ours: 'Kizuna', theirs: 'Node TLS, onread, not stored', atLeast: 0.45 },
  { ours: 'Kizuna', theirs: 'Node TLS + SHA-256, one thread, not stored', atLeast: 0.9 },
  { ours: 'Kizuna', theirs: 'libtorrent, unencrypted', atLeast: 2.2 },
  { ours: 'Kizuna', theirs: 'WebTorrent', atLeast: 3.5 },
  { ours: 'Kizuna', theirs: 'iroh', atLeast: 6 },
  { ours: 'Kizuna', theirs: 'Helia bitswap', atLeast: 40 },
  { ours: 'Kizuna, kept, libp2p streams only', theirs: 'js-libp2p stream, stock TLS', atLeast: 1.5 },
  { ours: 'Kizuna, libp2p streams only', theirs: 'js-libp2p stream, stock TLS', atLeast: 1.5 },
]

export const publishGoals: readonly Goal[] = [
  { ours: 'Kizuna', theirs: 'SHA-256 alone', atLeast: 0.5 },
  { ours: 'Kizuna, chunks of 1 MiB, 10+4 parity', theirs: 'Kizuna, chunks of 1 MiB', atLeast: 0.8 },
]

/** A goal with what was reached. */
export interface Reached extends Goal {
  ratio: number
  reached: boolean
}

/** The goals whose both sides took part. */
export function compare(goals: readonly Goal[], standings: readonly Standing[]): Reached[] {
  const speedOf = (name: string) => median(standings.find((standing) => standing.name === name)?.speeds ?? [])
  return goals.flatMap((goal) => {
    const ratio = speedOf(goal.ours) / speedOf(goal.theirs)
    return Number.isNaN(ratio) ? [] : [{ ...goal, ratio, reached: ratio >= goal.atLeast }]
  })
}
