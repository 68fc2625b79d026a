/** ReceiveRequestAttemptId: the same messages again for a receive whose answer was lost, whichever process of the store is asked then. */
import { hash } from 'node:crypto'
import type { Broker, Session } from '../../broker/broker.ts'
import { changeRecord } from '../../broker/records.ts'
import { UnavailableError } from '../../errors.ts'
import type { Fence, JobId, Ms, Queue } from '../../job.ts'

/** How long an attempt is remembered. */
const WINDOW: Ms = 300_000
/**
 * Attempts lie in so many records `sqs/attempt/<number>`, so many in each: of more the oldest are forgotten. A store keeps the key of every record that it
 * ever had, so there is none for each attempt.
 */
const RECORDS = 1024
const EACH = 10

interface Attempt {
  /** When it was answered last. */
  at: Ms
  /** When the jobs were received; and until when they are hidden, which changes when anybody changes it. */
  received: Ms
  jobs: readonly { id: JobId; n: Fence; until?: Ms }[]
}

type Attempts = Readonly<Record<string, Attempt>>

/** Attempts of FIFO queues. */
export class Replays {
  readonly #broker: Broker
  readonly #session: Session

  constructor(broker: Broker, session: Session) {
    this.#broker = broker
    this.#session = session
  }

  /**
   * What it got before.
   * @param id the client's ReceiveRequestAttemptId
   */
  async get(queue: Queue, id: string): Promise<Attempt | undefined> {
    await this.#broker.records.refresh()
    const { key, name } = placeOf(queue, id)
    return this.#live(this.#broker.records.get(key)?.value as Attempts | undefined)[name]
  }

  /** Where it can't be remembered, a lost answer is lost until the messages' time is over. */
  async set(queue: Queue, id: string, { received, jobs }: Omit<Attempt, 'at'>): Promise<void> {
    const { key, name } = placeOf(queue, id)
    const attempt: Attempt = {
      at: this.#broker.now(),
      received,
      jobs: jobs.map(({ id, n, until }) => ({ id, n, ...(until !== undefined && { until }) })),
    }
    const added = (old: Attempts | undefined): Attempts => {
      const others = Object.entries(this.#live(old)).filter(([one]) => one !== name)
      others.sort(([, a], [, b]) => b.at - a.at)
      return { [name]: attempt, ...Object.fromEntries(others.slice(0, EACH - 1)) }
    }
    try {
      // It need not outlive a power cut: its client hardly does.
      await changeRecord(this.#session, this.#broker.records, key, added, { unsynced: true })
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error
    }
  }

  #live(attempts: Attempts = {}): Attempts {
    const since = this.#broker.now() - WINDOW
    return Object.fromEntries(Object.entries(attempts).filter(([, { at }]) => at > since))
  }
}

function placeOf(queue: Queue, id: string): { key: string; name: string } {
  const name = hash('sha256', `${queue}\0${id}`)
  return { key: `sqs/attempt/${Number.parseInt(name.slice(0, 4), 16) % RECORDS}`, name }
}
