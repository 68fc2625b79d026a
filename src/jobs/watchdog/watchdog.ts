/**
 * Tells when the event loop stood still, and in which handler. A thread of its own sees it, since the loop itself can't; there is one for all workers of
 * the process, from a moment after the first one began until the last one has stopped.
 */
import { Worker as Thread } from 'node:worker_threads'
import type { Ms } from '../../job.ts'
import type { Block, Watched } from './block.ts'
import { Board, PERIOD, SLOTS } from './board.ts'

/** A worker that is over sooner needs no thread. */
const SETTLE: Ms = 1000
/** The thread's heap; it needs a tenth of it. */
const MEGABYTES = 64
/** After so many signs of life without work there are none, and the thread sleeps. */
const IDLE = 4

/** A worker's handlers, as the watchdog knows them. */
export interface Watch {
  /** A handler is called; it is the one that runs, until `leave`. */
  enter(name: string, job: number): void
  leave(): void
  /** What it answered has settled. */
  settled(name: string): void
  stop(): void
}
/** name: the handler to blame, if one is known; job: of which job, if it is known. */
export type OnBlocked = (block: { name: string; job: number; ms: Ms; where: string }) => void

interface Entry {
  watched: Watched
  on: OnBlocked
}

const board = new Board()
/** By slot. */
const entries: (Entry | undefined)[] = []
const watches = new Set<OnBlocked>()
let starting: NodeJS.Timeout | undefined
let beating: NodeJS.Timeout | undefined
let thread: Thread | undefined
/** Attempts whose handler has not settled. */
let atWork = 0
let idleBeats = 0

/**
 * Watches a worker's handlers.
 * @param handlers by the names of their jobs
 * @param on called after each time that the loop was blocked, in one of these handlers, or in none that is known
 */
export function watch(handlers: ReadonlyMap<string, { name: string }>, on: OnBlocked): Watch {
  const slots = new Map<string, number>()
  for (const [name, { name: called }] of handlers) {
    const slot = freeSlot()
    if (slot > SLOTS) break
    slots.set(name, slot)
    entries[slot] = { watched: { slot, name, called }, on }
  }
  const own = (block: Parameters<OnBlocked>[0]) => on(block)
  watches.add(own)
  if (thread) {
    beat()
    thread.postMessage(known())
  } else starting ??= setTimeout(start, SETTLE).unref()
  return {
    enter(name, job) {
      const slot = slots.get(name)
      if (slot === undefined) return
      board.enter(slot, job)
      atWork++
      if (board.idle) awake()
    },
    leave: () => board.leave(),
    settled(name) {
      const slot = slots.get(name)
      if (slot === undefined) return
      board.settled(slot)
      atWork--
    },
    stop() {
      for (const slot of slots.values()) {
        entries[slot] = undefined
        atWork -= board.active(slot)
        board.clear(slot)
      }
      slots.clear()
      watches.delete(own)
      if (watches.size === 0) end()
    },
  }
}

function freeSlot(): number {
  let slot = 1
  while (entries[slot]) slot++
  return slot
}

function known(): Watched[] {
  return entries.flatMap((entry) => (entry ? [entry.watched] : []))
}

function start(): void {
  starting = undefined
  // A bundle in CommonJS has no such URL, and nobody watches, either.
  const here = import.meta.url as string | undefined
  if (here === undefined) return
  const file = new URL(`./thread${here.endsWith('.ts') ? '.ts' : '.js'}`, here)
  beat()
  // Neither the program's flags nor its environment: what it preloads is not for this thread.
  const started = new Thread(file, {
    workerData: { buffer: board.buffer, watched: known() },
    execArgv: [],
    env: {},
    name: 'queueup watchdog',
    resourceLimits: { maxOldGenerationSizeMb: MEGABYTES },
  })
  thread = started
  started.on('message', blocked)
  // Without it, nobody watches: the work goes on.
  started.on('error', () => end())
  started.unref()
}

function beat(): void {
  board.idle = false
  idleBeats = 0
  signOfLife()
  beating ??= setInterval(signOfLife, PERIOD).unref()
}

/** Known by its name to the thread: where the main one is in here, it isn't blocked. */
function signOfLife(): void {
  board.beat(isDebugged())
  idleBeats = atWork > 0 ? 0 : idleBeats + 1
  if (idleBeats < IDLE) return
  board.idle = true
  clearInterval(beating)
  beating = undefined
}

/** There is work again. */
function awake(): void {
  beat()
  thread?.postMessage([])
}

function isDebugged(): boolean {
  return process.features.inspector && process.getBuiltinModule('node:inspector').url() !== undefined
}

function blocked({ slot, job, ms, where }: Block): void {
  const entry = entries[slot]
  if (entry) entry.on({ name: entry.watched.name, job, ms, where })
  else watches.values().next().value?.({ name: '', job: 0, ms, where })
}

function end(): void {
  clearTimeout(starting)
  clearInterval(beating)
  starting = beating = undefined
  board.idle = false
  void thread?.terminate()
  thread = undefined
}
