/** The public face of Queueup. What isn't exported here is not for others to build on. */
export type { Need as AccessNeed } from './access/index.ts'
export type { Broker, BrokerOptions, Follower, Lease, Line, Session, Want } from './broker/broker.ts'
export { parsePolicy, policyText } from './broker/policies.ts'
export { createBroker } from './broker/store-broker.ts'
export type { Clock } from './clock.ts'
export type { Duration, DurationUnit } from './duration.ts'
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
export type { EventName, Events, JobEvent } from './jobs/events.ts'
export type { Follow, FollowedEvent, FollowedJobEvent, MissedEvents } from './jobs/follow.ts'
export type { AttemptInfo, DeathInfo, JobInfo } from './jobs/info.ts'
export type { Listening, ListenOptions } from './jobs/listening.ts'
export type { Page, PageOptions } from './jobs/page.ts'
export type { LimitOption } from './jobs/limits.ts'
export type { PutJob, PutOptions, PutParameters, UniqueOptions } from './jobs/put.ts'
export type { PutOf, JobQueue } from './jobs/queue.ts'
export type { ResultOptions } from './jobs/result.ts'
export type { Selection } from './jobs/selection.ts'
export type { InferInput, InferOutput, StandardIssue, StandardResult, StandardSchema } from './jobs/standard-schema.ts'
export type { JobChange } from './jobs/update.ts'
export type { TracingOption } from './jobs/tracing.ts'
export { Discard, RetryLater } from './jobs/verdict.ts'
export type { WorkerOptions } from './jobs/worker-options.ts'
export type { Health, Worker } from './jobs/worker.ts'
export { open, type OpenOptions } from './open.ts'
export {
  BeanstalkdServer,
  type BeanstalkdOptions,
  type Counters as BeanstalkdCounters,
  type Listen,
} from './protocols/beanstalkd/index.ts'
export {
  SqsServer,
  type Caller as SqsCaller,
  type Certificate as SqsCertificate,
  type SignedRequest as SqsRequest,
  type SqsOptions,
  type Timeouts as SqsTimeouts,
} from './protocols/sqs/index.ts'
export { openStore, type StoreOptions } from './registry.ts'
export type { Durability } from './stores/sqlite/durability.ts'
export type * from './stores/store.ts'
export {
  BeanstalkdClient,
  type Address as BeanstalkdAddress,
  type BeanstalkdJob,
} from './transports/beanstalkd/index.ts'
