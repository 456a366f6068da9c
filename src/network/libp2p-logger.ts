import type { ComponentLogger, Logger as Libp2pLogger } from '@libp2p/interface'
import type { Logger } from '../core/log.ts'

const LENGTH_MAX = 500

/**
 * What the libp2p libraries say, as lines of our log at level `debug`; without `isOn` nothing is even put together.
 * The libraries' own placeholders (`%p` a peer, `%a` an address …) are filled in as plain text.
 */
export function libp2pLogger(log: Logger, options: { isOn: boolean }): ComponentLogger {
  return { forComponent: (name) => componentLogger(log, name, options.isOn) }
}

function componentLogger(log: Logger, name: string, isOn: boolean): Libp2pLogger {
  const say = (what: unknown, ...facts: unknown[]) => {
    if (isOn) log.debug(textOf(what, facts), { component: name })
  }
  return Object.assign(say, {
    error: say,
    trace: say,
    enabled: isOn,
    newScope: (inner: string) => componentLogger(log, `${name}:${inner}`, isOn),
  }) as Libp2pLogger
}

function textOf(what: unknown, facts: unknown[]): string {
  const left = [...facts]
  const text = String(what).replaceAll(/%[a-zA-Z]/g, (mark) =>
    left.length > 0 ? String(left.shift()) : mark,
  )
  return [text, ...left.map(String)].join(' ').slice(0, LENGTH_MAX)
}
