import { safeText } from './terminal.ts'

interface SetupFacts {
  home: string
  peerId: string
  steps: { name: string; done: boolean; now: string; how: string }[]
  left: number
}

/** What `setup` answers: what is set up, and what to do about the rest. */
export function renderSetup({ home, peerId, steps, left }: SetupFacts): string {
  const width = Math.max(...steps.map(({ name }) => name.length))
  return [
    `This node keeps its data in ${safeText(home)}; its id is ${peerId}.`,
    '',
    ...steps.map(({ name, done, now, how }) => {
      const line = `${done ? 'done ' : 'to do'}  ${name.padEnd(width)}  ${safeText(now)}`
      return done ? line : `${line}\n${' '.repeat(width + 9)}→ ${how}`
    }),
    '',
    left === 0 ? 'Nothing is left to do.' : `${left} left to do; none of it is a must.`,
  ].join('\n')
}
