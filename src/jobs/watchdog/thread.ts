/** The thread that sees whether the main one gives signs of life, and when it doesn't, looks where it is. While no handler is at work it sleeps. */
import { writeSync } from 'node:fs'
import { Session, type Debugger } from 'node:inspector'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import type { Ms } from '../../job.ts'
import type { Block, Watched } from './block.ts'
import { Board, now, PERIOD, SLOTS } from './board.ts'

/** Without a sign of life for so many looks, the loop is blocked. */
const QUIET = 2
/** While it is blocked the main thread can say nothing: past this, the thread does. */
const LONG: Ms = 10_000
/** Who looks so much too late was stopped itself, or the whole machine was: nobody is to blame. */
const ASLEEP: Ms = 3 * PERIOD

const { buffer, watched } = workerData as { buffer: SharedArrayBuffer; watched: Watched[] }
const board = new Board(buffer)
const handlers = new Map(watched.map((one) => [one.slot, one]))

let seen = board.beats
let since = board.beatAt
let quiet = 0
let lookedAt = now()
let block: (Block & { told: boolean }) | undefined

let looking: NodeJS.Timeout | undefined
parentPort?.on('message', (news: Watched[]) => {
  for (const one of news) handlers.set(one.slot, one)
  begin()
})
begin()

function begin(): void {
  if (looking) return
  seen = board.beats
  since = board.beatAt
  quiet = 0
  lookedAt = now()
  looking = setInterval(look, PERIOD)
}

/** Until it is told that there is work again. */
function rest(): void {
  clearInterval(looking)
  looking = undefined
}

function look(): void {
  const at = now()
  if (at - lookedAt > ASLEEP) quiet = 0
  lookedAt = at
  const { beats } = board
  if (beats !== seen) {
    if (block) report({ ...block, ms: board.beatAt - since - PERIOD })
    block = undefined
    seen = beats
    since = board.beatAt
    quiet = 0
    if (board.idle) rest()
  } else if (board.idle) rest()
  else if (block) {
    if (!block.told && at - since > LONG) tell(block, at - since)
  } else if (!board.debugged && ++quiet >= QUIET) {
    block = { ...culprit([]), ms: 0, where: '', told: false }
    lookInside(block)
  }
}

function report({ slot, job, ms, where }: Block): void {
  const found: Block = { slot, job, ms: Math.round(ms), where }
  parentPort?.postMessage(found)
}

/** Standard error by itself: that of a thread goes through the one that is blocked. */
function tell(found: Block & { told: boolean }, ms: Ms): void {
  found.told = true
  const handler = handlers.get(found.slot)
  const within = handler ? ` in handler ${handler.name}${found.job ? ` (job ${found.job})` : ''}` : ''
  const where = found.where && `, at ${found.where}`
  writeSync(2, `Queueup: the event loop has been blocked for ${Math.round(ms / 1000)} s${within}${where}.\n`)
}

/**
 * The handler to blame: the one that was called and hasn't returned; else the one whose function is on the stack; else the only one that is at work.
 * @param stack names of functions
 */
function culprit(stack: readonly string[]): { slot: number; job: number } {
  const { running } = board
  if (running > 0) return { slot: running, job: board.job(running) }
  const atWork: number[] = []
  for (let slot = 1; slot <= SLOTS; slot++) if (board.active(slot) > 0) atWork.push(slot)
  const called = (slot: number) => {
    const handler = handlers.get(slot)
    return handler !== undefined && (stack.includes(handler.called) || stack.includes(handler.name))
  }
  const [only = 0, ...others] = atWork
  const slot = atWork.find(called) ?? (others.length === 0 ? only : 0)
  return { slot, job: slot > 0 && board.active(slot) === 1 ? board.job(slot) : 0 }
}

/** Stops the main thread for a moment, wherever it is, and reads its stack. */
function lookInside(found: Block): void {
  const session = new Session()
  const files = new Map<string, string>()
  try {
    session.connectToMainThread()
    session.on('Debugger.scriptParsed', ({ params }) => files.set(params.scriptId, params.url))
    session.on('Debugger.paused', ({ params: { callFrames } }) => {
      const stands = board.beats === seen && !callFrames.some((frame) => frame.functionName === 'signOfLife')
      session.post('Debugger.resume', () => session.disconnect())
      if (!stands) return
      Object.assign(found, culprit(callFrames.map((frame) => frame.functionName)))
      found.where = placeOf(callFrames, files)
    })
    session.post('Debugger.enable')
    session.post('Debugger.pause')
  } catch {
    // This Node.js has no inspector, or lets nobody in: there is the handler that was called last.
  }
}

/** The innermost function that isn't Node's own. */
function placeOf(frames: readonly Debugger.CallFrame[], files: ReadonlyMap<string, string>): string {
  for (const { functionName, location, url } of frames) {
    const file = url || (files.get(location.scriptId) ?? '')
    if (file === '' || file.startsWith('node:')) continue
    const path = file.startsWith('file:') ? fileURLToPath(file) : file
    return `${functionName || '(anonymous)'} (${path}:${location.lineNumber + 1})`
  }
  return ''
}
