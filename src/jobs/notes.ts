/** What a handler tells while it works. */
import { InvalidArgumentError } from '../errors.ts'
import type { Bytes, Ref } from '../job.ts'
import type { Op, Transport } from '../transports/transport.ts'

/** Lines that wait here; a store keeps no more of them either. */
const MOST_LINES = 500
const MAX_LINE = 4000
/** Bytes of JSON. */
const MAX_PROGRESS = 65_536

/**
 * The lines and the progress of one attempt on their way to the store. One commit at a time is on its way; what is told meanwhile waits here, the last
 * lines and the newest progress, so that a handler that tells more than the store can write costs no memory.
 */
export class Notes {
  readonly #transport: Transport
  readonly #job: Ref
  readonly #failed: (error: unknown) => void
  #lines: Bytes[] = []
  #progress: Bytes | undefined
  #sending = false

  /** @param failed is told of an error of the store */
  constructor(transport: Transport, job: Ref, failed: (error: unknown) => void) {
    this.#transport = transport
    this.#job = job
    this.#failed = failed
  }

  log(text: unknown): void {
    this.#lines.push(Buffer.from(String(text).slice(0, MAX_LINE)))
    if (this.#lines.length > MOST_LINES) this.#lines.shift()
    this.#send()
  }

  /** @throws InvalidArgumentError what JSON can't say, or too much of it */
  progress(value: unknown): void {
    let text: string
    try {
      text = JSON.stringify(value ?? null) ?? 'null'
    } catch (error) {
      throw new InvalidArgumentError(`The progress can't be JSON: ${(error as Error).message}. Give a number.`, {
        cause: error,
      })
    }
    if (text.length > MAX_PROGRESS)
      throw new InvalidArgumentError(
        `The progress is ${text.length} characters of JSON; at most ${MAX_PROGRESS} are kept.`,
      )
    this.#progress = Buffer.from(text)
    this.#send()
  }

  /** What hasn't set out yet; it goes with the outcome. */
  take(): Op[] {
    const ops: Op[] = this.#lines.map((data) => ({ do: 'note', job: this.#job, kind: 'log', data }))
    if (this.#progress) ops.push({ do: 'note', job: this.#job, kind: 'progress', data: this.#progress })
    this.#lines = []
    this.#progress = undefined
    return ops
  }

  #send(): void {
    if (!this.#transport.capabilities.notes) return void this.take()
    if (this.#sending) return
    const ops = this.take()
    if (ops.length === 0) return
    this.#sending = true
    this.#transport
      .commit({ ops, unsynced: true })
      .catch(this.#failed)
      .finally(() => {
        this.#sending = false
        this.#send()
      })
  }
}
