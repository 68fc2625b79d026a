/** ReceiveMessage: at once, or by waiting in line. */
import type { Line } from '../../broker/broker.ts'
import type { Ms, Reserved } from '../../job.ts'
import type { Op } from '../../stores/store.ts'
import { waitSeconds } from './attributes.ts'
import { bodyText, ENCODING, unpackEnvelope } from './envelope.ts'
import type { Call, Gone, Host } from './host.ts'
import { md5, md5OfAttributes } from './md5.ts'
import { select, type Attributes } from './message-attributes.ts'
import type { Input, Output } from './model.ts'
import type { Poll } from './polls.ts'
import type { SqsQueue } from './queues.ts'
import { sequenceNumber } from './receipt.ts'
import { invalid, noQueue, SqsError } from './sqs-error.ts'

/** Bytes of bodies in one answer, but for a single message that is larger: what other protocols put has no limit of SQS's. */
const MOST_RECEIVED = 1 << 24

const SYSTEM = [
  'SenderId',
  'SentTimestamp',
  'ApproximateReceiveCount',
  'ApproximateFirstReceiveTimestamp',
  'SequenceNumber',
  'MessageDeduplicationId',
  'MessageGroupId',
  'AWSTraceHeader',
  'DeadLetterQueueSourceArn',
] as const
type System = (typeof SYSTEM)[number]

const NONE: readonly never[] = Object.freeze([])
/** Who put a message when nobody was asked. */
const NOBODY = 'anonymous'
const ATTEMPT = /^[!-~]{1,128}$/

type Asked = Input<'ReceiveMessage'>
type Answer = Output<'ReceiveMessage'>
type Received = NonNullable<Answer['Messages']>[number]

export function receiveMessage(host: Host, asked: Asked, call: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    new Receive(host, call, resolve, reject).begin(asked).catch(reject)
  })
}

/** One receive. While it waits there is nothing of it but this, for ten thousand may wait. */
class Receive implements Poll, Gone {
  readonly #host: Host
  readonly #call: Call
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: Error) => void
  #queue!: SqsQueue
  #system: readonly System[] = NONE
  #names: readonly string[] = NONE
  #attempt: string | undefined
  /** Where it waits for messages, or else for its time. */
  #line: Line | undefined
  #callOff: (() => void) | undefined
  /** What it answers with. */
  #jobs: readonly Reserved[] | undefined

  constructor(host: Host, call: Call, resolve: (answer: Answer) => void, reject: (error: Error) => void) {
    this.#host = host
    this.#call = call
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Until it has its answer, or waits. */
  async begin(asked: Asked): Promise<void> {
    const { queues, inFlight, polls } = this.#host
    const name = queues.nameIn(asked.QueueUrl)
    const queue = queues.known(name) ?? (await queues.named(name))
    const { AttributeNames = NONE, MessageSystemAttributeNames = NONE, ReceiveRequestAttemptId: attempt } = asked
    this.#queue = queue
    this.#system = systemNames([...AttributeNames, ...MessageSystemAttributeNames])
    this.#names = asked.MessageAttributeNames ?? NONE
    this.#attempt = attempt
    if (attempt !== undefined) checkAttempt(queue, attempt)
    const ms = asked.VisibilityTimeout === undefined ? (queue.policy.lease ?? 'own') : asked.VisibilityTimeout * 1000
    const before = attempt === undefined ? undefined : await replay(this.#host, queue, attempt, ms)
    if (before) return this.#deliver(before.jobs, before.received)
    const max = asked.MaxNumberOfMessages ?? 1
    const seconds = polls.closing ? 0 : (asked.WaitTimeSeconds ?? waitSeconds(queue))
    if (!inFlight.hasRoom(queue) && (await inFlight.full(queue))) {
      if (seconds > 0) this.#pause(seconds)
      else if (queue.fifo) this.#resolve({})
      else throw overLimit()
    } else if (seconds > 0) this.#wait(max, ms, seconds)
    else await this.#take(max, ms)
  }

  // ---------------------------------------------------------------- taking

  async #take(max: number, ms: Ms | 'own'): Promise<void> {
    const { queue, fifo } = this.#queue
    const op: Op = {
      do: 'reserve',
      from: [queue],
      max,
      bytes: MOST_RECEIVED,
      lease: { ms },
      ...(fifo && { run: true }),
    }
    const [result] = await this.#host.session.commit({ ops: [op] })
    await this.#took(result?.ok && result.do === 'reserve' ? result.jobs : [])
  }

  #wait(credit: number, ms: Ms | 'own', seconds: number): void {
    const { queue, fifo } = this.#queue
    const lease = { ms, bound: false }
    const wait = seconds * 1000
    this.#line = this.#host.session.line(
      { queues: [queue], credit, bytes: MOST_RECEIVED, lease, once: true, wait, ...(fifo && { run: true }) },
      this,
    )
    this.#enter()
  }

  /** As long as it would have waited. */
  #pause(seconds: number): void {
    this.#callOff = this.#host.clock.after(seconds * 1000, () => this.end())
    this.#enter()
  }

  // ---------------------------------------------------------------- waiting

  #enter(): void {
    this.#host.polls.add(this.#queue.name, this)
    this.#call.onGone = this
    if (this.#call.gone) this.hungUp()
  }

  #leave(): void {
    this.#host.polls.remove(this.#queue.name, this)
    this.#callOff?.()
    void this.#line?.close()
  }

  jobs(jobs: readonly Reserved[]): void {
    this.#leave()
    this.#took(jobs).catch(this.#reject)
  }

  end(_why?: unknown, error?: Error): void {
    this.#leave()
    if (error) this.#reject(error)
    else this.#resolve({})
  }

  endPoll(why: 'closing' | 'deleted'): void {
    // One without a record is never known.
    if (why === 'closing') this.end()
    else if (this.#queue.explicit) this.end(why, noQueue())
  }

  hungUp(): void {
    if (this.#jobs) void returnUntaken(this.#host, this.#jobs)
    else this.end()
  }

  // ---------------------------------------------------------------- answering

  #took(jobs: readonly Reserved[]): Promise<void> {
    this.#host.inFlight.took(this.#queue, jobs.length)
    return this.#deliver(jobs)
  }

  /** @param before when they were received, if it was in an earlier try: that may have been heard of, so who hangs up now gives nothing back */
  async #deliver(jobs: readonly Reserved[], before?: Ms): Promise<void> {
    const host = this.#host
    const queue = this.#queue
    const received = before ?? host.broker.now()
    if (this.#attempt !== undefined && jobs.length > 0)
      await host.replays.set(queue.queue, this.#attempt, { received, jobs })
    if (jobs.length === 0) return this.#resolve({})
    if (before === undefined) this.#jobs = jobs
    this.#call.onGone = this
    if (this.#call.gone) {
      this.hungUp()
      this.#resolve({})
    } else
      this.#resolve({ Messages: jobs.map((job) => toMessage(host, queue, job, received, this.#system, this.#names)) })
  }
}

/** They never reached anybody: nothing is counted. */
async function returnUntaken({ session }: Host, jobs: readonly Reserved[]): Promise<void> {
  try {
    await session.commit({ ops: jobs.map(({ id, n }) => ({ do: 'release', job: { id, n }, as: 'untaken' })) })
  } catch {
    // Their leases end by themselves.
  }
}

function overLimit(): SqsError {
  const text = 'Too many messages of this queue are in flight. Delete some, or let their time pass.'
  return new SqsError('OverLimit', text)
}

// ------------------------------------------------------------------ the same again

function checkAttempt({ fifo }: SqsQueue, attempt: string): void {
  if (!fifo)
    throw invalid(
      'ReceiveRequestAttemptId',
      attempt,
      'The request include parameter that is not valid for this queue type.',
    )
  if (!ATTEMPT.test(attempt))
    throw invalid(
      'ReceiveRequestAttemptId',
      attempt,
      'Can only include alphanumeric and punctuation characters. 1 to 128 in length.',
    )
}

/** What the same attempt got before, if nobody has done anything with it; its time begins anew. */
async function replay(
  host: Host,
  queue: SqsQueue,
  id: string,
  ms: Ms | 'own',
): Promise<{ received: Ms; jobs: readonly Reserved[] } | undefined> {
  const { session, replays } = host
  const before = await replays.get(queue.queue, id)
  if (!before) return undefined
  // Looked at first: a time of 0 is over at once.
  const jobs: Reserved[] = []
  for (const { id, n, until } of before.jobs) {
    const [job] = (await session.look({ id, limit: 1, with: ['body'] })).jobs
    if (!job?.body || job.n !== n || job.until === undefined || job.until !== until) return undefined
    jobs.push({ ...job, body: job.body, first: job.first ?? job.put })
  }
  const results = await session.commit({
    ops: jobs.map(({ id, n }) => ({ do: 'touch', job: { id, n }, ms })),
    refused: 'undo',
  })
  for (const [i, result] of results.entries()) {
    if (!result.ok || result.do !== 'touch') return undefined
    ;(jobs[i] as Reserved).until = result.until
  }
  return { received: before.received, jobs }
}

// ------------------------------------------------------------------ telling

/** Names that are none are passed over: the older models have those of queues for it. */
function systemNames(asked: readonly string[]): readonly System[] {
  if (asked.length === 0) return NONE
  if (asked.includes('All')) return SYSTEM
  return SYSTEM.filter((name) => asked.includes(name))
}

function toMessage(
  host: Host,
  from: SqsQueue,
  job: Reserved,
  received: Ms,
  system: readonly System[],
  names: readonly string[],
): Received {
  const { text, encoded } = bodyText(job.body)
  const message: Received = {
    MessageId: host.receipts.messageId(job.id),
    ReceiptHandle: host.receipts.issue(from.queue, { id: job.id, n: job.n, at: received }),
    MD5OfBody: encoded ? md5(text) : md5(job.body),
    Body: text,
  }
  if (system.length === 0 && !job.envelope && !encoded) return message
  const envelope = unpackEnvelope(job.envelope)
  for (const name of system) {
    const value = systemValue(host, name, job, from, envelope)
    if (value !== undefined) (message.Attributes ??= {})[name] = value
  }
  const attributes: Attributes = envelope.attributes ? select(envelope.attributes, names) : []
  // Whoever reads it must know what it is, whatever was asked for.
  if (encoded) attributes.push([ENCODING, { DataType: 'String', StringValue: 'base64' }])
  const digest = md5OfAttributes(attributes)
  if (digest !== undefined) {
    message.MD5OfMessageAttributes = digest
    message.MessageAttributes = Object.fromEntries(attributes) as unknown as NonNullable<Received['MessageAttributes']>
  }
  return message
}

function systemValue(
  { queues, receipts }: Host,
  name: System,
  job: Reserved,
  { queue, fifo }: SqsQueue,
  envelope: ReturnType<typeof unpackEnvelope>,
): string | undefined {
  switch (name) {
    case 'SenderId':
      return envelope.sender ?? NOBODY
    case 'SentTimestamp':
      return String(job.put)
    case 'ApproximateReceiveCount':
      return String(job.reserves)
    case 'ApproximateFirstReceiveTimestamp':
      return String(job.first)
    case 'SequenceNumber':
      return fifo ? sequenceNumber(job.rank) : undefined
    case 'MessageDeduplicationId':
      // A dead letter's is its own id, so that none is a duplicate of another there.
      return envelope.dedup !== undefined && job.deaths ? receipts.messageId(job.id) : envelope.dedup
    case 'MessageGroupId':
      return job.group ?? envelope.group
    case 'AWSTraceHeader':
      return envelope.trace
    case 'DeadLetterQueueSourceArn': {
      const died = job.deaths?.[0]?.queue
      // One that is back where it died is no dead letter any more.
      const from = died === undefined || died === queue ? undefined : queues.nameOf(died)
      return from === undefined ? undefined : queues.arnOf(from)
    }
  }
}
