/** The same queues, served to other languages. */
import type { Names } from './check.ts'

export interface ListenOptions {
  /** A port of 127.0.0.1, `HOST:PORT`, or `unix:PATH`, for clients of beanstalkd. */
  beanstalkd?: number | string | undefined
  /** A port of 127.0.0.1, or `HOST:PORT`, for clients of Amazon SQS. */
  sqs?: number | string | undefined
}
export const LISTEN_OPTIONS: Names<ListenOptions> = { beanstalkd: true, sqs: true }

export interface Listening {
  /** Where it listens for clients of beanstalkd, if it does: `HOST:PORT` or `unix:PATH`. */
  readonly beanstalkd?: string
  /** Where it listens for clients of Amazon SQS, if it does: `http://HOST:PORT`. */
  readonly sqs?: string
  close(): Promise<void>
}
