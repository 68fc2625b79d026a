import { realBeanstalkd, type Listening, type Peer } from './peer.ts'

/** Both are held to the same. `flags`: beanstalkd's own. */
export const servers: readonly { name: string; start(flags?: readonly string[], at?: Listening): Promise<Peer> }[] = [
  { name: 'beanstalkd', start: realBeanstalkd },
]
