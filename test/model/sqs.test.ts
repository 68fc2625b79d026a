/** Random actions of several clients, through the wire in both forms, against the reference model: in memory, and on a file whose server is started again. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import type { Ms, QueuePolicy } from '../../src/job.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Store } from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { settle } from '../broker/open.ts'
import { entries, serveStore, type Form, type Reply, type Served } from '../protocols/sqs/served.ts'
import { check } from './seeds.ts'
import { SqsModel, type Made, type Received, type Sent, type Told } from './sqs-model.ts'
import { step, type Step } from './sqs-steps.ts'

const folder = await mkdtemp(join(tmpdir(), 'queueup-model-sqs-'))
after(() => rm(folder, { recursive: true }))
let files = 0

const ARN = 'arn:aws:sqs:us-east-1:000000000000:'
const POLL = 20
const kept: QueuePolicy = { retention: 345_600_000 }
const redrive = (to: string, maxReceiveCount: number) => ({
  RedrivePolicy: JSON.stringify({ deadLetterTargetArn: ARN + to, maxReceiveCount }),
})

/** Dead-letter queues come first. */
const queues: readonly (Made & { attributes: Record<string, string> })[] = [
  { name: 'dead', attributes: {}, policy: { ...kept, lease: 30_000 } },
  { name: 'dead.fifo', attributes: {}, policy: { ...kept, lease: 30_000 } },
  {
    name: 'plain',
    attributes: { DelaySeconds: '5', VisibilityTimeout: '10', MessageRetentionPeriod: '60' },
    policy: { delay: 5000, lease: 10_000, retention: 60_000 },
  },
  {
    name: 'work',
    attributes: redrive('dead', 2),
    policy: { ...kept, lease: 30_000, dead: 'default/dead', maxReserves: 2 },
  },
  {
    name: 'content.fifo',
    attributes: {
      ContentBasedDeduplication: 'true',
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    },
    policy: { ...kept, lease: 30_000 },
    scope: 'group',
    content: true,
  },
  {
    name: 'work.fifo',
    attributes: redrive('dead.fifo', 1),
    policy: { ...kept, lease: 30_000, dead: 'default/dead.fifo', maxReserves: 1 },
  },
]

interface Receipt extends Received {
  handle: string
}

/** A receive that waits. */
interface Poll {
  queue: string
  max: number
  visibility: Ms
  form: Form
  until: number
  reply: Promise<Reply>
  hangUp: AbortController
}

class Run {
  readonly #clock = new ManualClock()
  readonly #model = new SqsModel(this.#clock.now(), queues)
  readonly #open: () => Promise<Store>
  readonly #restarts: boolean
  readonly #receipts: Receipt[] = []
  readonly #log: string[] = []
  #polls: Poll[] = []
  #served!: Served
  #turn = 0

  constructor({ open, restarts }: { open: (clock: ManualClock) => Promise<Store>; restarts: boolean }) {
    this.#open = () => open(this.#clock)
    this.#restarts = restarts
  }

  async play(steps: readonly Step[]): Promise<void> {
    this.#served = await serveStore(await this.#open(), this.#clock)
    try {
      for (const { name, attributes } of queues)
        await this.#served.create(name, { ...attributes, ...(name.endsWith('.fifo') && { FifoQueue: 'true' }) })
      for (const step of steps) {
        this.#log.push(JSON.stringify(step))
        await this.#step(step)
        await this.#due()
        await this.#answered()
        await this.#due()
        await this.#count(2)
      }
      await this.#count(queues.length)
      assert.deepEqual(this.#served.errors, [])
    } catch (error) {
      throw new Error(`After these actions:\n${this.#log.join('\n')}\n${(error as Error).message}`, { cause: error })
    } finally {
      await this.#served.close()
      await Promise.allSettled(this.#polls.map(({ reply }) => reply))
    }
  }

  /** A lease of no time at all is over now. */
  async #due(): Promise<void> {
    await this.#served.move(0)
    this.#model.move(this.#clock.now())
  }

  #step(step: Step): Promise<void> | undefined {
    switch (step.do) {
      case 'send':
        return this.#send(step)
      case 'receive':
        return this.#receive(step)
      case 'poll':
        return this.#poll(step)
      case 'hang up':
        return this.#hangUp(step.poll)
      case 'delete':
      case 'change':
        return this.#settle(step)
      case 'purge':
        return this.#purge(step)
      case 'redrive':
        return this.#redrive(step)
      case 'set':
        return this.#set(step)
      case 'move':
        return this.#move(step.ms)
      case 'restart':
        return this.#restarts ? this.#restart() : undefined
    }
  }

  async #ask(form: Form, action: string, queue: string, input: object, signal?: AbortSignal): Promise<Reply> {
    const reply = await this.#served.ask(form, action, { QueueUrl: this.#url(queue), ...input }, signal)
    this.#log.push(`   ${reply.status} ${reply.code ?? ''} ${reply.all('MessageId').map(idOf).join(' ')}`)
    return reply
  }

  #url(queue: string): string {
    return `${this.#served.origin}/000000000000/${queue}`
  }

  // ------------------------------------------------------------------ sending

  async #send({ form, queue, messages, batch }: Extract<Step, { do: 'send' }>): Promise<void> {
    if (batch) {
      const reply = await this.#ask(
        form,
        'SendMessageBatch',
        queue,
        batchOf(form, 'SendMessageBatch', messages.map(input)),
      )
      return this.#sent(reply, queue, messages)
    }
    for (const message of messages) {
      this.#sent(await this.#ask(form, 'SendMessage', queue, input(message)), queue, [message])
      await this.#due()
      await this.#answered()
    }
  }

  #sent(reply: Reply, queue: string, messages: readonly Sent[]): void {
    const ids = reply.all('MessageId').map(idOf)
    assert.equal(ids.length, messages.length, reply.text)
    assert.deepEqual(ids, this.#model.send(queue, messages, ids))
  }

  // ------------------------------------------------------------------ receiving

  async #receive({ form, queue, max, seconds, attempt }: Extract<Step, { do: 'receive' }>): Promise<void> {
    const id = queue.endsWith('.fifo') ? attempt : undefined
    const reply = await this.#ask(form, 'ReceiveMessage', queue, {
      ...asking(max, seconds),
      ...(id !== undefined && { ReceiveRequestAttemptId: id }),
    })
    this.#took(reply, this.#model.receive(queue, max, this.#model.visibility(queue, seconds), id))
  }

  #took(reply: Reply, expected: readonly (Told & Received)[]): void {
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(
      reply.all('MessageId').map(idOf),
      expected.map(({ id }) => id),
    )
    const ids = reply.all('MessageId')
    const told = (name: string, of: (one: Told, i: number) => unknown) =>
      assert.deepEqual(
        reply.all(name),
        expected
          .map(of)
          .filter((one) => one !== undefined)
          .map(String),
        name,
      )
    told('Body', ({ body }) => body)
    told('ApproximateReceiveCount', ({ reserves }) => reserves)
    told('SentTimestamp', ({ put }) => put)
    told('ApproximateFirstReceiveTimestamp', ({ first }) => first)
    told('MessageGroupId', ({ group }) => group)
    told('MessageDeduplicationId', ({ dedup }, i) => (dedup === 'own' ? ids[i] : dedup))
    told('DeadLetterQueueSourceArn', ({ source }) => (source === undefined ? undefined : ARN + source))
    const handles = reply.all('ReceiptHandle')
    for (const [i, { queue, id, n, at }] of expected.entries())
      this.#receipts.push({ queue, id, n, at, handle: handles[i] as string })
  }

  async #poll({ form, queue, max: most, seconds }: Extract<Step, { do: 'poll' }>): Promise<void> {
    // How several share what comes at once is the service's to choose, unless each takes but one, and keeps it for a while.
    const others = this.#polls.filter((poll) => poll.queue === queue)
    const visibility = this.#model.visibility(queue, seconds)
    const all = [...others, { max: 1, visibility }]
    if (others.length > 0 && all.some((poll) => poll.max > 1 || poll.visibility === 0)) return
    const max = others.length > 0 ? 1 : most
    const { waiting } = this.#served.server
    const hangUp = new AbortController()
    const input = { ...asking(max, seconds), WaitTimeSeconds: POLL }
    const reply = this.#ask(form, 'ReceiveMessage', queue, input, hangUp.signal)
    let here = false
    void reply.then(
      () => (here = true),
      () => (here = true),
    )
    this.#polls.push({ form, queue, max, visibility, reply, hangUp, until: this.#clock.now() + POLL * 1000 })
    while (!here && this.#served.server.waiting === waiting) await settle()
  }

  /** Those that have something to take, or have waited long enough, are answered; the others go on waiting. */
  async #answered(): Promise<void> {
    // What one takes for no time at all may go to another at once, by way of the dead-letter queue.
    while (await this.#answerOnce());
    await settle()
    assert.equal(this.#served.server.waiting, this.#polls.length, 'receives that wait')
  }

  /** Whether one was answered. */
  async #answerOnce(): Promise<boolean> {
    const waiting: Poll[] = []
    for (const poll of this.#polls) {
      const { queue, max, visibility, until } = poll
      const over = until <= this.#clock.now()
      // Whether what comes in the last moment comes too late is the service's to choose.
      const late = over ? await poll.reply : undefined
      const expected = late && late.all('MessageId').length === 0 ? [] : this.#model.receive(queue, max, visibility)
      if (expected.length > 0 || late) {
        this.#took(late ?? (await poll.reply), expected)
        await this.#due()
      } else waiting.push(poll)
    }
    const answered = waiting.length < this.#polls.length
    this.#polls = waiting
    return answered
  }

  async #hangUp(n: number): Promise<void> {
    const [poll] = this.#polls.splice(n % Math.max(1, this.#polls.length), 1)
    if (!poll) return
    poll.hangUp.abort()
    await assert.rejects(poll.reply)
    while (this.#served.server.waiting > this.#polls.length) await settle()
  }

  // ------------------------------------------------------------------ receipts

  async #settle(step: Extract<Step, { do: 'delete' | 'change' }>): Promise<void> {
    const { form, batch } = step
    const chosen = step.receipts
      .map((n) => this.#receipts.at(-1 - (n % Math.max(1, this.#receipts.length))))
      .filter((one) => one !== undefined)
    const [first] = chosen
    if (!first) return
    const { queue } = first
    const change = step.do === 'change' ? { VisibilityTimeout: step.seconds } : {}
    const action = step.do === 'change' ? 'ChangeMessageVisibility' : 'DeleteMessage'
    const inputs = chosen.map(({ handle }) => ({ ReceiptHandle: handle, ...change }))
    const gone = batch ? 'ReceiptHandleIsInvalid' : 'InvalidParameterValue'
    const of = (receipts: readonly Receipt[]) =>
      step.do === 'change'
        ? this.#model.change(queue, receipts, step.seconds, gone)
        : this.#model.delete(queue, receipts)
    if (batch) {
      const reply = await this.#ask(form, `${action}Batch`, queue, batchOf(form, `${action}Batch`, inputs))
      assert.equal(reply.status, 200, reply.text)
      assert.deepEqual(
        reply.all('Code'),
        of(chosen).filter((code) => code !== undefined),
      )
    } else
      for (const [i, one] of inputs.entries()) {
        const { code } = await this.#ask(form, action, queue, one)
        assert.deepEqual([nameOf(code)], of([chosen[i] as Receipt]))
        await this.#due()
        await this.#answered()
      }
  }

  // ------------------------------------------------------------------ queues

  async #purge({ form, queue }: Extract<Step, { do: 'purge' }>): Promise<void> {
    assert.equal(nameOf((await this.#ask(form, 'PurgeQueue', queue, {})).code), undefined)
    this.#model.purge(queue)
  }

  async #set({ form, queue, lease }: Extract<Step, { do: 'set' }>): Promise<void> {
    const attributes = { Attributes: { VisibilityTimeout: lease } }
    const text = { Attributes: { VisibilityTimeout: String(lease) } }
    const reply = await this.#ask(form, 'SetQueueAttributes', queue, form === 'json' ? text : attributes)
    assert.equal(reply.status, 200, reply.text)
    this.#model.set(queue, { lease: lease * 1000 })
  }

  async #redrive({ form, from, to }: Extract<Step, { do: 'redrive' }>): Promise<void> {
    // Whether one that is taken for no time at all, and comes back while the task runs, counts once more is the service's to choose.
    const comesBack = ({ queue, visibility }: Poll) =>
      visibility === 0 && this.#model.store.policy(`default/${queue}`)?.dead === `default/${from}`
    if (to === undefined && this.#polls.some(comesBack)) return
    const source = { SourceArn: ARN + from }
    const started = await this.#served.ask(form, 'StartMessageMoveTask', {
      ...source,
      ...(to !== undefined && { DestinationArn: ARN + to }),
    })
    assert.equal(started.status, 200, started.text)
    let listed: Reply
    do {
      await settle()
      listed = await this.#served.ask(form, 'ListMessageMoveTasks', source)
    } while (listed.one('Status') === 'RUNNING')
    const { moved, failed } = this.#model.redrive(from, to)
    assert.equal(listed.one('Status'), failed ? 'FAILED' : 'COMPLETED')
    assert.equal(listed.one('ApproximateNumberOfMessagesMoved'), String(moved))
  }

  /** As far as the next receive that has waited long enough, and on from there. */
  async #move(ms: number): Promise<void> {
    const end = this.#clock.now() + ms
    while (this.#clock.now() < end) {
      const next = Math.min(end, ...this.#polls.map(({ until }) => until).filter((at) => at > this.#clock.now()))
      await this.#served.move(next - this.#clock.now())
      this.#model.move(next)
      await this.#answered()
    }
  }

  async #restart(): Promise<void> {
    await this.#served.close()
    for (const { reply } of this.#polls.splice(0)) assert.deepEqual((await reply).all('MessageId'), [])
    this.#served = await serveStore(await this.#open(), this.#clock)
  }

  /** What is in so many queues, of each in turn in another form. */
  async #count(size: number): Promise<void> {
    for (let i = 0; i < size; i++) {
      const { name } = queues[++this.#turn % queues.length] as Made
      const reply = await this.#served.ask(this.#turn % 4 < 2 ? 'json' : 'query', 'GetQueueAttributes', {
        QueueUrl: this.#url(name),
        AttributeNames: ['All'],
      })
      const counts = ['', 'NotVisible', 'Delayed'].map((of) => Number(reply.one(`ApproximateNumberOfMessages${of}`)))
      assert.deepEqual(counts, this.#model.counts(name), `messages of ${name}: visible, not visible, delayed`)
    }
  }
}

function input({ body, delay, group, dedup }: Sent): object {
  return {
    MessageBody: body,
    ...(delay !== undefined && { DelaySeconds: delay }),
    ...(group !== undefined && { MessageGroupId: group }),
    ...(dedup !== undefined && { MessageDeduplicationId: dedup }),
  }
}

function asking(max: number, seconds: number | undefined): object {
  return {
    MaxNumberOfMessages: max,
    AttributeNames: ['All'],
    ...(seconds !== undefined && { VisibilityTimeout: seconds }),
  }
}

function batchOf(form: Form, action: string, inputs: readonly object[]): object {
  return entries(
    form,
    action,
    inputs.map((one, i) => ({ Id: String(i), ...one })),
  )
}

/** A message's id ends in its job's. */
function idOf(messageId: string): number {
  return Number.parseInt(messageId.replaceAll('-', '').slice(-15), 16)
}

/** An error's name, as both forms have it. */
function nameOf(code: string | undefined): string | undefined {
  return code?.replace(/^AWS\.SimpleQueueService\.|Exception$/, '')
}

const places: Record<string, { open: () => (clock: ManualClock) => Promise<Store>; restarts: boolean; runs: number }> =
  {
    memory: { open: () => (clock) => Promise.resolve(openMemory({ clock })), restarts: false, runs: 15 },
    'a file': {
      open: () => {
        const path = join(folder, `${++files}.db`)
        return (clock) => openSqlite({ path, clock, durability: 'relaxed' })
      },
      restarts: true,
      runs: 8,
    },
  }

describe('SQS answers as the model does, whatever its clients ask, in both wire forms', () => {
  for (const [name, { open, restarts, runs }] of Object.entries(places))
    test(name, { timeout: 600_000 }, () =>
      check(
        `sqs: ${name}`,
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 50, size: 'max' }), (steps) =>
          new Run({ open: open(), restarts }).play(steps),
        ),
        runs,
      ),
    )
})
