/** Commands that change a tube, or many of its jobs: kick and pause-tube. */
import type { Session } from '../../broker/broker.ts'
import { pauseQueue } from '../../broker/policies.ts'
import type { Queue } from '../../job.ts'
import type { ChosenTubes } from './chosen-tubes.ts'
import type { LoneCommand, TubeCommand } from './command.ts'
import { momentIn, type Host } from './host.ts'
import { existing } from './inspection.ts'

/** A kick of many is done in slices of so many. */
const KICK = 1000

/** One after which jobs may be ready that others wait for. */
export function isTubeCommand(command: LoneCommand): command is TubeCommand {
  return command.name === 'kick' || command.name === 'pause-tube'
}

/** Does it, and answers the reply. */
export async function changeTube(
  host: Host,
  session: Session,
  chosen: ChosenTubes,
  command: TubeCommand,
): Promise<string> {
  switch (command.name) {
    case 'kick':
      return `KICKED ${await kick(session, chosen.used.queue, command.bound)}\r\n`
    case 'pause-tube':
      return (await pause(host, session, command.tube, command.delay)) ? 'PAUSED\r\n' : 'NOT_FOUND\r\n'
  }
}

/** Buried jobs if there are any, else delayed ones. */
async function kick(session: Session, queue: Queue, bound: number): Promise<number> {
  for (const state of ['buried', 'delayed'] as const) {
    let kicked = 0
    let more = true
    while (more && kicked < bound) {
      const limit = Math.min(KICK, bound - kicked)
      const [result] = await session.commit({
        ops: [{ do: 'bulk', where: { queue, states: [state] }, act: 'kick', limit }],
      })
      if (!result?.ok || result.do !== 'bulk') break
      kicked += result.count
      more = result.more
    }
    if (kicked > 0) return kicked
  }
  return 0
}

/** 0 seconds end a pause, and wake who waits. false: there is no such tube. */
async function pause(host: Host, session: Session, name: string, seconds: number): Promise<boolean> {
  if (!(await existing(host, session, name))) return false
  const { broker, tubes } = host
  const tube = tubes.get(name)
  tube.pauses++
  tube.pause = seconds
  tubes.release(tube)
  const now = broker.now()
  await pauseQueue(session, tube.queue, seconds > 0 ? momentIn(seconds, host) : now, now)
  await broker.records.refresh()
  return true
}
