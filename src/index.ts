/** The public face of Queueup. What isn't exported here is not for others to build on. */
export type { Broker, BrokerOptions, Lease, Line, Session, Want } from './broker/broker.ts'
export { parsePolicy, policyText } from './broker/policies.ts'
export { createBroker } from './broker/store-broker.ts'
export type { Duration } from './duration.ts'
export * from './errors.ts'
export type * from './job.ts'
export type { BackoffOption, BackoffTerms } from './jobs/backoff.ts'
export type { Context, Handlers, PutMiddleware, WorkedJob, WorkMiddleware } from './jobs/context.ts'
export {
  defineJobs,
  job,
  type AnswerOf,
  type ArgsIn,
  type ArgsOut,
  type JobDefinition,
  type JobOptions,
  type Jobs,
  type ResultOf,
} from './jobs/definition.ts'
export type { Counts, DrainedOptions } from './jobs/counts.ts'
export type { EventName, Events } from './jobs/events.ts'
export type { Follow, FollowedEvent } from './jobs/follow.ts'
export type { AttemptInfo, JobInfo } from './jobs/info.ts'
export type { Listening, ListenOptions } from './jobs/listening.ts'
export type { Page, PageOptions } from './jobs/page.ts'
export type { LimitOption } from './jobs/limits.ts'
export type { PutJob, PutOptions, PutParameters, UniqueOptions } from './jobs/put.ts'
export type { PutOf, JobQueue } from './jobs/queue.ts'
export type { ResultOptions } from './jobs/result.ts'
export type { Selection } from './jobs/selection.ts'
export type { StandardSchema } from './jobs/standard-schema.ts'
export type { JobChange } from './jobs/update.ts'
export type { TracingOption } from './jobs/tracing.ts'
export { Discard, RetryLater } from './jobs/verdict.ts'
export type { WorkerOptions } from './jobs/worker-options.ts'
export type { Health, Worker } from './jobs/worker.ts'
export { open, type OpenOptions } from './open.ts'
export { BeanstalkdServer, type BeanstalkdOptions, type Listen } from './protocols/beanstalkd/index.ts'
export { SqsServer, type SqsOptions, type Timeouts as SqsTimeouts } from './protocols/sqs/index.ts'
export { openStore, type StoreOptions } from './registry.ts'
export type * from './stores/store.ts'
export { BeanstalkdClient } from './transports/beanstalkd/index.ts'
