/**
 * Every error that Queueup throws. Each has a stable `code`; its message says what happened and what to do next. docs/errors.md explains each.
 */
export abstract class QueueupError extends Error {
  abstract readonly code: string
  override get name(): string {
    return this.constructor.name
  }
}

/** An argument, option or setting that can't be used. Nothing was done. */
export class InvalidArgumentError extends QueueupError {
  readonly code = 'QUEUEUP_INVALID_ARGUMENT'
}

/** The store can't do it now and nothing was applied: disk full, file locked for long, being closed. Try again. */
export class UnavailableError extends QueueupError {
  readonly code: 'QUEUEUP_UNAVAILABLE' | 'QUEUEUP_OWN_TRANSACTION' = 'QUEUEUP_UNAVAILABLE'
}

/** A transaction that this process itself has open on the store's file kept a write waiting for long. Nothing was applied. */
export class OwnTransactionError extends UnavailableError {
  override readonly code = 'QUEUEUP_OWN_TRANSACTION'
}

/** A write may or may not have happened: the sync failed, or the answer was lost. The store has failed and must be opened anew. */
export class UnknownOutcomeError extends QueueupError {
  readonly code = 'QUEUEUP_UNKNOWN_OUTCOME'
}

/** The store, session or connection was closed. */
export class ClosedError extends QueueupError {
  readonly code = 'QUEUEUP_CLOSED'
}

/** This Node.js carries an SQLite that can corrupt a file that several connections share. */
export class UnsafeSqliteError extends QueueupError {
  readonly code = 'QUEUEUP_UNSAFE_SQLITE'
}

/** The path holds a file that isn't a Queueup store. Nothing was touched. */
export class NotAStoreError extends QueueupError {
  readonly code = 'QUEUEUP_NOT_A_STORE'
}

/** The file was written by a newer Queueup whose format this one can't work with. Nothing was touched. */
export class NewerFormatError extends QueueupError {
  readonly code = 'QUEUEUP_NEWER_FORMAT'
}

/** The file is damaged. Nothing was touched. */
export class CorruptStoreError extends QueueupError {
  readonly code = 'QUEUEUP_CORRUPT_STORE'
}

/** The file lies on a network file system, where SQLite's write-ahead log loses data. Nothing was touched. */
export class NetworkFileSystemError extends QueueupError {
  readonly code = 'QUEUEUP_NETWORK_FILE_SYSTEM'
}

/** The place can't be opened: no such folder, no permission. */
export class CannotOpenError extends QueueupError {
  readonly code = 'QUEUEUP_CANNOT_OPEN'
}

/** The transport or server has no such operation. */
export class NotSupportedError extends QueueupError {
  readonly code = 'QUEUEUP_NOT_SUPPORTED'
}

/** The server at the other end can't be reached, or broke the protocol. */
export class ConnectionError extends QueueupError {
  readonly code = 'QUEUEUP_CONNECTION'
}

/** A server answered with an error. */
export class ServerError extends QueueupError {
  readonly code = 'QUEUEUP_SERVER'
  /** The reply's first word. */
  readonly reply: string

  constructor(message: string, reply = '') {
    super(message)
    this.reply = reply
  }
}

/** beanstalkd is running on this binlog, or the binlog can't be read. It was left as it was. */
export class BinlogError extends QueueupError {
  readonly code = 'QUEUEUP_BINLOG'
}

/** A job's arguments, or its result, are not what its definition says. Nothing was put. */
export class ValidationError extends QueueupError {
  readonly code = 'QUEUEUP_VALIDATION'
}

/** The queue has reached a limit of its policy and took no job. */
export class QueueFullError extends QueueupError {
  readonly code = 'QUEUEUP_QUEUE_FULL'
}

/** The job that was to be changed is gone, is being worked, or is somebody else's. */
export class JobStateError extends QueueupError {
  readonly code = 'QUEUEUP_JOB_STATE'
}

/** The job whose result was awaited has failed for good, was cancelled, or is gone. */
export class JobFailedError extends QueueupError {
  readonly code = 'QUEUEUP_JOB_FAILED'
}

/** It took longer than it may: a handler, or the wait for a result. */
export class TimedOutError extends QueueupError {
  readonly code = 'QUEUEUP_TIMED_OUT'
}

/** Why a handler's signal fired: somebody cancelled the job. */
export class CancelledError extends QueueupError {
  readonly code = 'QUEUEUP_CANCELLED'
}

/** Why a handler's signal fired: the job isn't this worker's any more. Whatever the handler answers is not taken. */
export class LeaseLostError extends QueueupError {
  readonly code = 'QUEUEUP_LEASE_LOST'
}

/** Why a handler's signal fired: its worker is stopping. The job goes back, and this attempt isn't counted. */
export class StoppedError extends QueueupError {
  readonly code = 'QUEUEUP_STOPPED'
}

/** The secrets of access keys are encrypted, and the key in the environment is missing or another one. Nothing was changed. */
export class SecretKeyError extends QueueupError {
  readonly code = 'QUEUEUP_SECRET_KEY'
}
