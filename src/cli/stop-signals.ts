import type { Ms } from '../job.ts'

/**
 * What comes so soon after the first is the same wish: where a wrapper passes signals on (cross-env, timeout), its child has a terminal's Ctrl+C, or a
 * service manager's SIGTERM, both from there and from the wrapper.
 */
const ECHO: Ms = 300

/** SIGTERM and SIGINT. @param again a second wish to stop */
export function onStopSignals(first: (signal: NodeJS.Signals) => void, again: (signal: NodeJS.Signals) => void): void {
  let asked: Ms | undefined
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (asked !== undefined) {
        if (performance.now() - asked > ECHO) again(signal)
        return
      }
      asked = performance.now()
      first(signal)
    })
}
