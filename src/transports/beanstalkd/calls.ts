/** What goes between the transport and its thread. */
import type { Bytes, JobId, Ms } from '../../job.ts'

/** Seconds are the protocol's. */
export type Call =
  /** Answered at once, if no server is there. */
  | { do: 'open' }
  | { do: 'put'; tube: string; body: Bytes; pri: number; delay: number; ttr: number }
  | { do: 'reserve'; tubes: readonly string[]; max: number; bytes: number; wait?: Ms }
  | { do: 'delete'; id: JobId; n?: number }
  | { do: 'release'; id: JobId; n: number; pri?: number; delay: number }
  | { do: 'bury'; id: JobId; n: number; pri?: number }
  | { do: 'touch'; id: JobId; n: number }
  | { do: 'kick'; id: JobId }
  | { do: 'next'; tube: string; state: NextState }
  /** What is to be done with the next one of a tube. */
  | { do: 'change'; tube: string; state: NextState; how: 'delete' | 'kick' }
  | { do: 'job'; id: JobId }
  | { do: 'tubes'; tubes?: readonly string[] }
  | { do: 'pause'; tube: string; seconds: number }
  /** The reserve of that number waits no more. */
  | { do: 'stop'; call: number }
  /** What was asked before is answered first. */
  | { do: 'close' }

export type NextState = 'ready' | 'delayed' | 'buried'

/** A job that a connection of the thread holds. n: a number of its own for each time that a job is taken. */
export interface Taken {
  id: JobId
  n: number
  tube: string
  body: Bytes
  pri: number
  reserves: number
  /** How often whoever had it was lost, or let its time run out. */
  failures: number
  /** Seconds since it was put. */
  age: number
}

/** A job as stats-job and peek show it. */
export interface Shown {
  stats: ReadonlyMap<string, string>
  body: Bytes
}

type Change = 'done' | 'gone' | 'not held' | 'stale'

export interface Answers {
  open: ReadonlyMap<string, string>
  put: { id: JobId; buried: boolean } | 'too big' | 'full' | 'draining'
  reserve: Taken[]
  delete: Change
  release: Change
  bury: Change
  kick: Change
  /** How long its lease lasts from now on; undefined: it isn't held any more. */
  touch: Ms | undefined
  next: Shown | undefined
  /** undefined: there is no such job. */
  change: Change | undefined
  job: Shown | undefined
  tubes: ReadonlyMap<string, string>[]
  pause: undefined
  stop: undefined
  close: undefined
}

export interface Asked {
  no: number
  call: Call
}

export type Told =
  | { no: number; answer: unknown }
  /** An error, by the name of its class. */
  | { no: number; error: { name: string; message: string } }
  | { lost: JobId; n: number; why: string }

/**
 * Bodies in one piece of memory, which changes hands instead of being copied: a small body may lie in a large buffer, all of which would be copied with
 * it.
 */
export function packed<T extends { body: Bytes }>(all: readonly T[]): { all: T[]; memory: ArrayBuffer } {
  const memory = new ArrayBuffer(all.reduce((total, { body }) => total + body.length, 0))
  let at = 0
  const moved = all.map((one) => {
    const body = new Uint8Array(memory, at, one.body.length)
    body.set(one.body)
    at += body.length
    return { ...one, body }
  })
  return { all: moved, memory }
}
