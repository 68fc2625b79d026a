/** The public face of Queueup. What isn't exported here is not for others to build on. */
export {
  createBroker,
  type Broker,
  type BrokerOptions,
  type Lease,
  type Line,
  type Session,
  type Want,
} from './broker/broker.ts'
export { parsePolicy, policyText } from './broker/policies.ts'
export type { Duration } from './duration.ts'
export * from './errors.ts'
export type * from './job.ts'
export { BeanstalkdServer, type BeanstalkdOptions, type Listen } from './protocols/beanstalkd/index.ts'
export { openStore, type StoreOptions } from './registry.ts'
export type * from './stores/store.ts'
export { BeanstalkdClient } from './transports/beanstalkd.ts'
