/**
 * Loaded before each test file (scripts/test.ts): a file that doesn't come to its end in time fails, and says where it was.
 * Watched from a thread of its own, since a loop that never ends lets neither a timer nor a signal's handler run.
 */
import { writeSync } from 'node:fs'
import { Session } from 'node:inspector'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

const STDERR = 2
const { QUEUEUP_TEST_TIMEOUT: limit } = process.env

// A test's own threads load this, too.
const watched = (workerData as { watched?: string } | null)?.watched
if (isMainThread) {
  new Worker(new URL(import.meta.url), { workerData: { watched: process.argv[1] }, execArgv: [] }).unref()
} else if (watched) setTimeout(() => stop(watched), Number(limit))

function stop(file: string): void {
  writeSync(STDERR, `Still running after ${limit} ms: ${file}\n`)
  const scripts = new Map<string, string>()
  const session = new Session()
  session.connectToMainThread()
  session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params.url))
  session.on('Debugger.paused', ({ params }) => {
    for (const { functionName, location } of params.callFrames)
      writeSync(STDERR, `    at ${functionName} (${scripts.get(location.scriptId)}:${location.lineNumber + 1})\n`)
    process.kill(process.pid, 'SIGKILL')
  })
  session.post('Debugger.enable')
  session.post('Debugger.pause')
  // Where it waits rather than runs, nothing is there to pause.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000)
}
