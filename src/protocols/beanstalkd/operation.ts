/** Commands that are one operation of the store: put, reserve, and what is done to one job. */
import type { JobId, Queue } from '../../job.ts'
import type { Op, Result } from '../../stores/store.ts'
import type { ChosenTubes } from './chosen-tubes.ts'
import type { JobCommand, PutCommand } from './command.ts'
import { momentIn, type Host } from './host.ts'

export type Operation = { name: 'put'; queue: Queue; command: PutCommand } | JobCommand

/** The operation, as of now. session: who asks, and holds what it reserved. */
export function toOp(step: Operation, session: string, tubes: ChosenTubes, host: Host): Op {
  switch (step.name) {
    case 'put': {
      const { queue } = step
      const { pri, delay, ttr, body } = step.command
      const lease = Math.max(1, ttr) * 1000
      const to =
        delay > 0
          ? { queue, pri, at: momentIn(delay, host), create: true as const }
          : { queue, pri, create: true as const }
      return { do: 'put', to: [to], msg: { body, lease } }
    }
    case 'reserve':
    case 'reserve-with-timeout':
      return reserve(tubes.queues(), session)
    case 'reserve-job':
      return reserve(step.id, session)
    case 'delete':
      return { do: 'finish', job: { id: step.id, held: session, free: true } }
    case 'release': {
      const { id, pri, delay } = step
      return { do: 'release', job: { id, held: session }, as: 'asked', pri, at: delay > 0 ? momentIn(delay, host) : 0 }
    }
    case 'bury':
      return { do: 'bury', job: { id: step.id, held: session }, why: 'asked', pri: step.pri }
    case 'touch':
      return { do: 'touch', job: { id: step.id, held: session }, ms: 'own' }
    case 'kick-job':
      return { do: 'release', job: { id: step.id }, as: 'kicked' }
  }
}

/** What is replied of its result; a reserve that has a job is replied with that. */
export function toWord(name: Operation['name'], result: Result): string {
  if (!result.ok) {
    if (name !== 'put') return 'NOT_FOUND\r\n'
    return result.why === 'too big' ? 'JOB_TOO_BIG\r\n' : 'OUT_OF_MEMORY\r\n'
  }
  switch (result.do) {
    case 'put': {
      const put = result.per[0]
      return put?.ok ? `INSERTED ${put.id}\r\n` : 'OUT_OF_MEMORY\r\n'
    }
    case 'finish':
      return 'DELETED\r\n'
    case 'release':
      if (name === 'kick-job') return 'KICKED\r\n'
      return result.state === 'buried' ? 'BURIED\r\n' : 'RELEASED\r\n'
    case 'bury':
      return 'BURIED\r\n'
    case 'touch':
      return 'TOUCHED\r\n'
    default:
      return 'INTERNAL_ERROR\r\n'
  }
}

function reserve(from: Queue[] | JobId, session: string): Op {
  return { do: 'reserve', from, max: 1, bytes: Number.MAX_SAFE_INTEGER, lease: { ms: 'own', session } }
}
