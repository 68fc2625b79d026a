/** Traces of puts and attempts: what a queue needs of them. src/jobs/opentelemetry.ts is the one that there is. */
import type { WorkedJob } from './context.ts'

export interface Tracing {
  /** A put begins, or a batch of them. queue: '' for several. undefined: nobody would see it. */
  send(put: { name: string; queue: string; count: number }): SendSpan | undefined
  /** An attempt begins. undefined: nobody would see it. */
  process(job: WorkedJob, attempt: number): AttemptSpan | undefined
}
export interface SendSpan {
  /** W3C Trace Context, to go with the message. undefined: nobody records it. */
  readonly traceparent: string | undefined
  /** @param outcome the job's id, where it is one; or what was thrown */
  end(outcome: { id?: string } | { error: unknown }): void
}
export interface AttemptSpan {
  /** Runs with the span as the one that is active. */
  run<T>(work: () => T): T
  /** @param error what the attempt failed with, if it did */
  end(error?: unknown): void
}

/** How an attempt's trace belongs to that of its put. */
export type TracingOption = 'link' | 'child' | false
