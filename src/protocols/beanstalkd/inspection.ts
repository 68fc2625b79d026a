/** Commands that look: peek, stats and lists. */
import type { Session } from '../../broker/broker.ts'
import type { State } from '../../job.ts'
import type { JobView, Look, QueueStats } from '../../stores/store.ts'
import type { ChosenTubes } from './chosen-tubes.ts'
import type { Inspection } from './command.ts'
import { isTubeName } from './command-line.ts'
import type { Host } from './host.ts'
import { jobReply, listReply, yamlReply, type Pieces } from './reply.ts'
import { jobStats, serverStats, tubeStats } from './stats.ts'
import { Tube } from './tube.ts'

const ORDERS = {
  'peek-ready': ['ready', 'take'],
  'peek-delayed': ['delayed', 'due'],
  'peek-buried': ['buried', 'buried'],
} as const satisfies Record<string, readonly [State, Look['order']]>

/** The reply. */
export async function inspect(
  host: Host,
  session: Session,
  chosen: ChosenTubes,
  command: Inspection,
): Promise<string | Pieces> {
  const { broker, tubes, counters, maxJobSize } = host
  switch (command.name) {
    case 'peek':
      return found(session, { id: command.id, limit: 1 })
    case 'peek-ready':
    case 'peek-delayed':
    case 'peek-buried': {
      const [state, order] = ORDERS[command.name]
      return found(session, { where: { queue: chosen.used.queue, states: [state] }, order, limit: 1 })
    }
    case 'stats-job': {
      const job = await find(session, { id: command.id, limit: 1 })
      return job ? yamlReply(jobStats(job, tubes.nameOf(job.queue), broker.now())) : 'NOT_FOUND\r\n'
    }
    case 'stats-tube': {
      const stats = await existing(host, session, command.tube)
      if (!stats) return 'NOT_FOUND\r\n'
      const tube = tubes.find(command.tube) ?? new Tube(command.tube, tubes.queueOf(command.tube))
      if (stats !== 'empty') return yamlReply(tubeStats(tube, stats, stats.pausedUntil, broker.now()))
      // A pause is kept for a tube without jobs, too.
      const pause = broker.records.get(`pause/${tube.queue}`)?.value
      return yamlReply(tubeStats(tube, undefined, typeof pause === 'number' ? pause : 0, broker.now()))
    }
    case 'stats': {
      const stats = await session.stats()
      const about = { counters, tubes: names(host, stats).length, maxJobSize, draining: broker.draining }
      return yamlReply(serverStats(stats, about, host.identity()))
    }
    case 'list-tubes':
      return listReply(names(host, await session.stats()))
    case 'list-tubes-watched':
      return listReply(chosen.watched.map((tube) => tube.name))
  }
}

/** The statistics of a tube that exists; 'empty': it does because somebody uses or watches it. */
export async function existing(
  { tubes }: Host,
  session: Session,
  name: string,
): Promise<QueueStats | 'empty' | undefined> {
  if (!isTubeName(name)) return undefined
  const [stats] = await session.stats([tubes.queueOf(name)])
  const known = name === 'default' || tubes.find(name)?.referenced === true
  if (stats && (known || exists(stats))) return stats
  return known ? 'empty' : undefined
}

async function found(session: Session, at: Look): Promise<string | Pieces> {
  const job = await find(session, { ...at, with: ['body'] })
  return job?.body ? jobReply('FOUND', job.id, job.body) : 'NOT_FOUND\r\n'
}

async function find(session: Session, at: Look): Promise<JobView | undefined> {
  const { jobs } = await session.look(at)
  return jobs[0]?.state === 'finished' ? undefined : jobs[0]
}

/** Tubes that exist: with jobs, declared, used, watched, and `default`. */
function names({ tubes }: Host, stats: readonly QueueStats[]): string[] {
  const names = new Set(['default'])
  for (const one of stats) if (exists(one)) names.add(tubes.nameOf(one.queue))
  for (const tube of tubes.referenced()) names.add(tube.name)
  return [...names].filter(isTubeName)
}

function exists(stats: QueueStats): boolean {
  return stats.explicit || stats.ready + stats.delayed + stats.waiting + stats.reserved + stats.buried > 0
}
