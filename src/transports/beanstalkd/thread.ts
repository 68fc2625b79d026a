/**
 * The thread in which the connections to a beanstalkd server live: a touch must come from the connection that reserved, and in time, whatever the
 * application's event loop is busy with.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { ConnectionError } from '../../errors.ts'
import type { Ms } from '../../job.ts'
import { nameOfAddress, type Address } from './address.ts'
import { packed, type Answers, type Asked, type Call, type Taken, type Told } from './calls.ts'
import { Commands } from './commands.ts'
import { Connector } from './connector.ts'
import { Pool } from './pool.ts'

/** A server that owes an answer and says nothing for so long is not there any more. */
const SILENCE: Ms = 30_000
const LOOK: Ms = 2000

const address = workerData as Address
const port = parentPort as NonNullable<typeof parentPort>
const connector = new Connector(address)
const commands = new Commands(connector)
const pool = new Pool(connector, (id, n, why) => tell({ lost: id, n, why }))
/** Reserves that wait, by the number of their call. */
const waiting = new Map<number, AbortController>()
/** What is being done. */
const doing = new Set<Promise<unknown>>()
/** What is told in one turn goes as one message. */
let telling: Told[] = []
let memories: ArrayBuffer[] = []

setInterval(() => {
  const silent = () => new ConnectionError(`${nameOfAddress(address)} has not answered for ${SILENCE / 1000} s.`)
  pool.check(SILENCE, silent)
  void commands.check(SILENCE, silent)
}, LOOK).unref()

port.on('message', (asked: Asked[]) => {
  for (const { no, call } of asked) {
    const done = answer(no, call).then(
      (answer) => tell({ no, answer: call.do === 'reserve' ? moved(answer as Taken[]) : answer }),
      (error: Error) => tell({ no, error: { name: error.name, message: error.message } }),
    )
    if (call.do === 'close') continue
    doing.add(done)
    void done.then(() => doing.delete(done))
  }
})

function moved(taken: Taken[]): Taken[] {
  if (taken.length === 0) return taken
  const { all, memory } = packed(taken)
  memories.push(memory)
  return all
}

function tell(told: Told): void {
  if (telling.push(told) > 1) return
  setImmediate(() => {
    const [all, lists] = [telling, memories]
    telling = []
    memories = []
    port.postMessage(all, lists)
  })
}

async function answer(no: number, call: Call): Promise<Answers[Call['do']]> {
  switch (call.do) {
    case 'open':
      return commands.open()
    case 'put':
      return commands.put(call)
    case 'reserve':
      return reserve(no, call)
    case 'stop':
      waiting.get(call.call)?.abort()
      return undefined
    case 'delete':
      if (call.n === undefined) return commands.delete(call.id)
      return settled(pool.holder(call.id, call.n)?.delete(call.id))
    case 'release':
      return settled(pool.holder(call.id, call.n)?.release(call.id, call.pri, call.delay))
    case 'bury':
      return settled(pool.holder(call.id, call.n)?.bury(call.id, call.pri))
    case 'touch':
      return pool.holder(call.id, call.n)?.touch(call.id, call.n)
    case 'kick':
      return commands.kick(call.id)
    case 'next':
      return commands.next(call)
    case 'change':
      return commands.change(call)
    case 'job':
      return commands.job(call.id)
    case 'tubes':
      return commands.tubes(call.tubes)
    case 'pause':
      return commands.pause(call.tube, call.seconds)
    case 'close':
      return close()
  }
}

async function reserve(no: number, call: Call & { do: 'reserve' }): Promise<Taken[]> {
  const controller = new AbortController()
  waiting.set(no, controller)
  try {
    return await pool.take(call, controller.signal)
  } finally {
    waiting.delete(no)
  }
}

async function settled(settling: Promise<boolean> | undefined): Promise<'done' | 'stale'> {
  return (await settling) ? 'done' : 'stale'
}

/** The server has closed its ends, too: what was held is ready again. */
async function close(): Promise<undefined> {
  for (const controller of waiting.values()) controller.abort()
  await Promise.all(doing)
  connector.close()
  await Promise.all([pool.close(), commands.close()])
}
