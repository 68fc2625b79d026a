export {
  bind,
  BeanstalkdServer,
  DEFAULT_MAX_JOB_SIZE,
  LARGEST_MAX_JOB_SIZE,
  type BeanstalkdOptions,
  type Bound,
  type Listen,
} from './server.ts'
export { importBinlog } from './binlog.ts'
