/** `queueup/testing`: the real queue, on a clock that a test moves. docs/jobs/testing.md shows it. */
export type { Drained, DrainOptions, Outcome } from './drain.ts'
export type { Happening, Reached } from './journal.ts'
export type { Match, PutMatch, PutRecord } from './puts.ts'
export type { Ran, RunOptions } from './run.ts'
export type { Simulate } from './simulate.ts'
export type { TestClock } from './test-clock.ts'
export { testQueue, type RunParameters, type TestQueue, type TestQueueOptions } from './test-queue.ts'
