import type { Duration } from '../duration.ts'
import type { AnswerOf, ArgsOut, Jobs, ResultOf } from './definition.ts'
import type { PutJob, PutOptions, PutParameters } from './put.ts'

/** The job that a handler works. */
export interface WorkedJob<Name extends string = string, Args = unknown> {
  readonly id: string
  readonly name: Name
  readonly queue: string
  /** As the definition's validator made them of what was put. */
  readonly args: Args
  readonly putAt: Date
  readonly group?: string
  /** The trace context of its put, if it has one. */
  readonly traceparent?: string
}

/**
 * What a handler can do beside its work; each by itself, too (`{ log, put }`). A spread of it has no signal, which is made when it is asked for: give the copy its own way to it.
 * @example const mine = { ...ctx, user, get signal() { return ctx.signal } }
 */
export interface Context<J extends Jobs = Jobs> {
  /** Fires at the timeout, a cancel, the worker's stop, and when the job is lost; `signal.reason` says which: TimedOutError, CancelledError, StoppedError, LeaseLostError. */
  readonly signal: AbortSignal
  /** 1 is the first. Attempts that were given back are not counted. */
  readonly attempt: number
  /** Kept with the job, and told as an event: a number from 0 to 1, or any value that JSON can say. */
  progress(this: void, value: unknown): void
  /** Kept with the job: the last 500 lines, of 4,000 characters each. */
  log(this: void, text: string): void
  /** As the queue's put. */
  put<N extends keyof J & string>(this: void, name: N, ...put: PutParameters<J[N]>): Promise<PutJob<ResultOf<J[N]>>>
  /** Nobody takes jobs from this job's queue for so long, or until then. */
  pauseQueue(this: void, until: Duration | Date): Promise<void>
  /**
   * The job is done if the application's transaction commits, and only then: together with the rows that the handler wrote. On `file:` only.
   * @param transaction node:sqlite's handle, with a transaction open on the store's file
   * @param result in place of what the handler returns; kept if the definition asks for results, and not validated
   * @throws LeaseLostError it isn't this worker's job any more: roll back
   * @throws NotSupportedError, InvalidArgumentError
   */
  complete(this: void, transaction: unknown, result?: unknown): void
}

/** A handler for each job that is worked here. */
export type Handlers<J extends Jobs> = {
  readonly [N in keyof J & string]?:
    ((job: WorkedJob<N, ArgsOut<J[N]>>, ctx: Context<J>) => AnswerOf<J[N]> | Promise<AnswerOf<J[N]>>) | undefined
}

/** Runs around each attempt, the first outermost. What it throws, the attempt has thrown. */
export type WorkMiddleware<J extends Jobs = Jobs> = (
  job: WorkedJob,
  ctx: Context<J>,
  next: () => Promise<unknown>,
) => Promise<unknown>

/**
 * Runs around each put, the first outermost; it may change arguments and options. Those of a batch run side by side, and each `next` resolves when the
 * whole batch is put. A put within the application's transaction can't wait for it, and goes without.
 */
export type PutMiddleware = (
  put: { name: string; args: unknown; options: PutOptions },
  next: (put: { name: string; args: unknown; options: PutOptions }) => Promise<PutJob>,
) => Promise<PutJob>
