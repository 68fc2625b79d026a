/** ReceiveMessage: at once, or by waiting in line. */
import type { Ms, Reserved } from '../../job.ts'
import type { Op } from '../../stores/store.ts'
import { waitSeconds } from './attributes.ts'
import { bodyText, ENCODING, unpackEnvelope } from './envelope.ts'
import type { Call, Host } from './host.ts'
import { md5, md5OfAttributes } from './md5.ts'
import { select, type Attributes } from './message-attributes.ts'
import type { Input, Output } from './model.ts'
import type { SqsQueue } from './queues.ts'
import { sequenceNumber } from './receipt.ts'
import { badName, invalid, noQueue, SqsError } from './sqs-error.ts'

/** Bytes of bodies in one answer, but for a single message that is larger: what other protocols put has no limit of SQS's. */
const MOST_BYTES = 1 << 24

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

/** Who put a message when nobody was asked. */
const NOBODY = 'anonymous'
const ATTEMPT = /^[!-~]{1,128}$/

type Asked = Input<'ReceiveMessage'>
type Received = NonNullable<Output<'ReceiveMessage'>['Messages']>[number]

export async function receiveMessage(host: Host, asked: Asked, call: Call): Promise<Output<'ReceiveMessage'>> {
  const { queues, replays } = host
  const name = queues.nameIn(asked.QueueUrl)
  const queue = queues.known(name) ?? (await queues.named(name))
  const system = systemNames([...(asked.AttributeNames ?? []), ...(asked.MessageSystemAttributeNames ?? [])])
  const { ReceiveRequestAttemptId: attempt } = asked
  if (attempt !== undefined) checkAttempt(queue, attempt)
  const ms = asked.VisibilityTimeout === undefined ? (queue.policy.lease ?? 'own') : asked.VisibilityTimeout * 1000

  const before = attempt === undefined ? undefined : await replay(host, queue, attempt, ms)
  const jobs = before ?? (await take(host, queue, asked, ms, call))
  if (attempt !== undefined && jobs.length > 0) await replays.set(queue.queue, attempt, jobs)
  if (jobs.length === 0) return {}
  const giveBack = (): void => void returnUntaken(host, jobs)
  if (call.gone) {
    giveBack()
    return {}
  }
  call.onGone = giveBack
  const names = asked.MessageAttributeNames ?? []
  return { Messages: jobs.map((job) => toMessage(host, queue, job, system, names)) }
}

// ------------------------------------------------------------------ taking

async function take(
  host: Host,
  queue: SqsQueue,
  asked: Asked,
  ms: Ms | 'own',
  call: Call,
): Promise<readonly Reserved[]> {
  const max = asked.MaxNumberOfMessages ?? 1
  const seconds = host.polls.closing ? 0 : (asked.WaitTimeSeconds ?? waitSeconds(queue))
  if (await host.inFlight.full(queue)) {
    if (seconds > 0) await pause(host, queue, seconds, call)
    else if (!queue.fifo)
      throw new SqsError(
        'OverLimit',
        'Too many messages of this queue are in flight. Delete some, or let their time pass.',
      )
    return []
  }
  const jobs = await (seconds === 0 ? takeNow(host, queue, max, ms) : wait(host, queue, max, ms, seconds, call))
  host.inFlight.took(queue, jobs.length)
  return jobs
}

async function takeNow({ session }: Host, { queue, fifo }: SqsQueue, max: number, ms: Ms | 'own'): Promise<Reserved[]> {
  const op: Op = { do: 'reserve', from: [queue], max, bytes: MOST_BYTES, lease: { ms }, ...(fifo && { run: true }) }
  const [result] = await session.commit({ ops: [op] })
  return result?.ok && result.do === 'reserve' ? result.jobs : []
}

function wait(
  host: Host,
  { name, queue, fifo, explicit }: SqsQueue,
  credit: number,
  ms: Ms | 'own',
  seconds: number,
  call: Call,
): Promise<Reserved[]> {
  return new Promise((resolve, reject) => {
    const line = host.session.line(
      {
        queues: [queue],
        credit,
        bytes: MOST_BYTES,
        lease: { ms, bound: false },
        once: true,
        wait: seconds * 1000,
        ...(fifo && { run: true }),
      },
      {
        jobs(jobs) {
          remove()
          resolve(jobs)
        },
        end(_why, error) {
          remove()
          if (error) reject(error)
          else resolve([])
        },
      },
    )
    const leave = (): void => {
      remove()
      void line.close()
    }
    const remove = host.polls.add(name, (why) => {
      if (why === 'deleted' && !explicit) return
      leave()
      if (why === 'deleted') reject(noQueue())
      else resolve([])
    })
    call.onGone = () => {
      leave()
      resolve([])
    }
    if (call.gone) call.onGone()
  })
}

/** As long as a receive would have waited. */
function pause(host: Host, { name }: SqsQueue, seconds: number, call: Call): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      callOff()
      remove()
      resolve()
    }
    const callOff = host.clock.after(seconds * 1000, end)
    const remove = host.polls.add(name, end)
    call.onGone = end
    if (call.gone) end()
  })
}

/** They never reached anybody: nothing is counted. */
async function returnUntaken({ session }: Host, jobs: readonly Reserved[]): Promise<void> {
  try {
    await session.commit({ ops: jobs.map(({ id, n }) => ({ do: 'release', job: { id, n }, as: 'untaken' })) })
  } catch {
    // Their leases end by themselves.
  }
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
async function replay(host: Host, queue: SqsQueue, id: string, ms: Ms | 'own'): Promise<Reserved[] | undefined> {
  const { session, replays } = host
  const before = await replays.get(queue.queue, id)
  if (!before) return undefined
  // Looked at first: a time of 0 is over at once.
  const jobs: Reserved[] = []
  for (const { id, n } of before) {
    const [job] = (await session.look({ id, limit: 1, with: ['body'] })).jobs
    if (job?.body && job.n === n) jobs.push({ ...job, body: job.body, first: job.first ?? job.put })
  }
  const results = await session.commit({ ops: before.map((job) => ({ do: 'touch', job, ms })), refused: 'undo' })
  return results.every((result) => result.ok) ? jobs : undefined
}

// ------------------------------------------------------------------ telling

function systemNames(asked: readonly string[]): readonly System[] {
  if (asked.length === 0) return []
  if (asked.includes('All')) return SYSTEM
  for (const name of asked) if (!(SYSTEM as readonly string[]).includes(name)) throw badName(name)
  return SYSTEM.filter((name) => asked.includes(name))
}

function toMessage(
  host: Host,
  { queue, fifo }: SqsQueue,
  job: Reserved,
  system: readonly System[],
  names: readonly string[],
): Received {
  const { text, encoded } = bodyText(job.body)
  const message: Received = {
    MessageId: host.receipts.messageId(job.id),
    ReceiptHandle: host.receipts.issue(queue, { id: job.id, n: job.n, at: host.broker.now() }),
    MD5OfBody: encoded ? md5(text) : md5(job.body),
    Body: text,
  }
  if (system.length === 0 && !job.envelope && !encoded) return message
  const envelope = unpackEnvelope(job.envelope)
  const values: Partial<Record<System, string>> = {}
  for (const name of system) {
    const value = systemValue(host, name, job, fifo, envelope)
    if (value !== undefined) values[name] = value
  }
  if (system.length > 0) message.Attributes = values
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
  { queues }: Host,
  name: System,
  job: Reserved,
  fifo: boolean,
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
      return envelope.dedup
    case 'MessageGroupId':
      return job.group ?? envelope.group
    case 'AWSTraceHeader':
      return envelope.trace
    case 'DeadLetterQueueSourceArn': {
      const from = job.deaths?.[0] && queues.nameOf(job.deaths[0].queue)
      return from === undefined ? undefined : queues.arnOf(from)
    }
  }
}
