import { join } from 'node:path'
import { realBeanstalkd, start, type Listening, type Peer } from './peer.ts'

/** Ours, with beanstalkd's own flags, as a process of its own. */
export function queueup(flags: readonly string[] = [], at?: Listening): Promise<Peer> {
  const cli = join(import.meta.dirname, '../../src/cli/queueup.ts')
  return start([process.execPath, cli, 'beanstalkd'], flags, at)
}

/** Both are held to the same. `flags`: beanstalkd's own. */
export const servers: readonly { name: string; start(flags?: readonly string[], at?: Listening): Promise<Peer> }[] = [
  { name: 'beanstalkd', start: realBeanstalkd },
  { name: 'Queueup', start: queueup },
]
