export {
  bind,
  BeanstalkdServer,
  DEFAULT_MAX_JOB_SIZE,
  LARGEST_MAX_JOB_SIZE,
  unbind,
  type BeanstalkdOptions,
  type Bound,
} from './server.ts'
export type { Counters } from './stats.ts'
export { importBinlog } from './binlog.ts'
export type { Listen } from '../address.ts'
