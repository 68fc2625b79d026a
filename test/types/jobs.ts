/** What must compile, and what must not: tsc looks at it, nobody runs it. types.test.ts holds what is published, and the oldest compiler, to it. */
import * as z from 'zod'
import {
  defineJobs,
  job,
  type Context,
  type Handlers,
  type JobQueue,
  type PutJob,
  type PutOf,
  type Worker,
} from '../../src/index.ts'
import { testQueue } from '../../src/testing/index.ts'

const jobs = defineJobs({
  sendMail: job(z.object({ mail_type: z.enum(['welcome', 'bill']), mail_to: z.string() }), {
    retries: 8,
    timeout: '30s',
    result: z.object({ messageId: z.string() }),
  }),
  parse: job(z.string().transform(Number), { result: z.string().transform(Number) }),
  purge: job<{ olderThan: string }>(),
  add: job<{ a: number; b: number }, number>({ result: true }),
  nightly: job(),
  often: job({ priority: 1, result: true }),
})

// The key of a limit is told from what a put takes.
export const limited = defineJobs({
  resize: job<{ customer: string; width: number }>({ limits: [{ concurrency: 2, key: (args) => args.customer }] }),
  bill: job(z.object({ customer: z.string(), at: z.string().transform(Number) }), {
    limits: [{ concurrency: 2, key: ({ customer, at }) => customer + at.slice(0, 4) }],
    result: true,
  }),
  // @ts-expect-error no such argument
  misspelt: job<{ customer: string }>({ limits: [{ concurrency: 2, key: ({ custmer }) => String(custmer) }] }),
  // @ts-expect-error no text
  number: job<{ customer: number }>({ limits: [{ concurrency: 2, key: (args) => args.customer }] }),
  // @ts-expect-error no such argument
  validated: job(z.object({ id: z.string() }), { limits: [{ concurrency: 2, key: ({ ident }) => String(ident) }] }),
})

export const handlers = {
  sendMail: async ({ args, name }, { signal, attempt, log, progress, put }) => {
    const type: 'welcome' | 'bill' = args.mail_type
    const same: 'sendMail' = name
    log(`${type} ${same} ${attempt} ${signal.aborted}`)
    progress(1)
    await put('nightly')
    // @ts-expect-error wrong argument of a put from within
    await put('add', { a: 1 })
    return { messageId: 'x' }
  },
  parse: ({ args }) => args.toFixed(1),
  add: ({ args }) => args.a + args.b,
  nightly: () => undefined,
} satisfies Handlers<typeof jobs>

// Taken out of its context each works by itself, and says so to linters.
export function loose(from: ThisParameterType<Context['progress' | 'log' | 'put' | 'pauseQueue' | 'complete']>): void {
  return from
}

export async function producers(queue: JobQueue<typeof jobs>): Promise<void> {
  const mail = await queue.put(
    'sendMail',
    { mail_type: 'welcome', mail_to: 'ada' },
    { delay: '10m', unique: { key: 'k', for: '1d' } },
  )
  const id: string = mail.id
  const duplicate: boolean = mail.duplicate
  const { messageId } = await mail.result({ timeout: '1m' })
  const text: string = messageId
  const parsed: number = await (await queue.put('parse', '12')).result()
  const sum: number = await (await queue.put('add', { a: 1, b: 2 })).result()
  await queue.put('nightly')
  await queue.put('nightly', undefined, { delay: '1h' })
  await queue.putMany('add', [{ a: 1, b: 2 }])
  await queue.putAll([['nightly'], ['purge', { olderThan: '30d' }, { priority: 1 }]])
  const batch: PutOf<typeof jobs>[] = [['add', { a: 1, b: 2 }]]
  const some: PutJob[] = await queue.putAll(batch)
  const [summed, sent] = await queue.putAll([
    ['add', { a: 1, b: 2 }],
    ['sendMail', { mail_type: 'welcome', mail_to: 'ada' }, { delay: '10m' }],
  ])
  const three: number = await summed.result()
  const sentId: string = (await sent.result()).messageId
  const each = await queue.putAll([1, 2].map((a) => ['add', { a, b: 0 }] as const))
  const first: number | undefined = await each[0]?.result()
  void [some, three, sentId, first]
  void [id, duplicate, text, parsed, sum]

  // @ts-expect-error wrong name
  await queue.put('sendMial', { mail_type: 'welcome', mail_to: 'ada' })
  // @ts-expect-error missing argument
  await queue.put('sendMail', { mail_type: 'welcome' })
  // @ts-expect-error no arguments
  await queue.put('sendMail')
  // @ts-expect-error it takes no arguments
  await queue.put('nightly', { at: 3 })
  // @ts-expect-error it takes no arguments, whatever its options
  await queue.put('often', 5)
  // @ts-expect-error wrong argument
  await queue.put('sendMail', { mail_type: 'spam', mail_to: 'ada' })
  // @ts-expect-error the validator's output is not its input
  await queue.put('parse', 12)
  // @ts-expect-error an argument too many
  await queue.put('purge', { olderThan: '30d', newerThan: '1d' })
  // @ts-expect-error wrong result
  const wrong: string = await (await queue.put('add', { a: 1, b: 2 })).result()
  // @ts-expect-error no duration
  await queue.put('purge', { olderThan: '30d' }, { delay: '10 minutes' })
  // @ts-expect-error no duration
  await queue.put('purge', { olderThan: '30d' }, { unique: { key: 'k', for: 'always' } })
  // @ts-expect-error no option
  await queue.put('purge', { olderThan: '30d' }, { prio: 1 })
  // @ts-expect-error wrong argument of one of many
  await queue.putMany('add', [{ a: 1, b: 2 }, { a: 1 }])
  // @ts-expect-error wrong argument of one of a batch
  await queue.putAll([['nightly'], ['purge', { olderThan: 30 }]])
  // @ts-expect-error an argument too many, of one of a batch
  await queue.putAll([['nightly'], ['purge', { olderThan: '30d', newerThan: '1d' }]])
  // @ts-expect-error an argument of another job
  await queue.putAll([['purge', { olderThan: '30d', a: 1 }]])
  // @ts-expect-error it takes no arguments
  await queue.putAll([['nightly', { at: 3 }], ['nightly']])
  // @ts-expect-error no option
  await queue.putAll([['nightly'], ['purge', { olderThan: '30d' }, { prio: 1 }]])
  // @ts-expect-error wrong name
  await queue.putAll([['nightly'], ['sendMial', { mail_type: 'welcome', mail_to: 'ada' }]])
  // @ts-expect-error missing argument
  await queue.putAll([['sendMail', { mail_type: 'welcome' }]])
  // @ts-expect-error wrong argument
  await queue.putAll([['sendMail', { mail_type: 'spam', mail_to: 'ada' }]])
  // @ts-expect-error wrong result of one of a batch
  const wrongOne: string = await (await queue.putAll([['add', { a: 1, b: 2 }]]))[0].result()
  // @ts-expect-error ids are strings
  await queue.get(1)
  void [wrong, wrongOne]
}

export function workers(queue: JobQueue<typeof jobs>): Worker {
  // @ts-expect-error unknown handler
  queue.work({ ...handlers, sendMial: () => undefined })
  // @ts-expect-error wrong result
  queue.work({ add: () => 'three' })
  // @ts-expect-error the answer goes through the validator: its input is asked for
  queue.work({ parse: () => 12 })
  // @ts-expect-error its arguments have no such property
  queue.work({ purge: ({ args }) => void args.newerThan })
  // @ts-expect-error no duration
  queue.work(handlers, { stopWithin: '25 seconds' })
  return queue.work(handlers, { concurrency: 20, use: [async (_job, _ctx, next) => next()] })
}

export async function events(queue: JobQueue<typeof jobs>): Promise<void> {
  queue.on('done', ({ id, ms }) => [id satisfies string, ms satisfies number])
  // @ts-expect-error no such event
  queue.on('finished', () => undefined)
  // @ts-expect-error no such state
  await queue.list({ queue: 'add', states: ['running'] })
  const info = await queue.get('1')
  const putAt: Date | undefined = info?.putAt
  void putAt
}

/** An option that may be undefined is passed on as it is, also where exactOptionalPropertyTypes is set. */
export async function maybe(queue: JobQueue<typeof jobs>, ms?: number, name?: string, on?: boolean): Promise<void> {
  const times = { delay: ms, ttl: ms, timeout: ms, retries: ms, priority: ms }
  await queue.put('nightly', undefined, {
    ...times,
    group: name,
    unique: name === undefined ? name : { key: name, for: ms },
  })
  await queue.update('1', { delay: ms, priority: ms })
  await queue.list({ queue: 'add', name, match: name }, { limit: ms, after: name })
  await queue.drained('add', { timeout: ms, delayed: on })
  queue.work({ add: on ? () => 3 : undefined }, { concurrency: ms, stopWithin: ms })
  job({ ...times, queue: name, backoff: ms })
}

export async function tests(): Promise<void> {
  const queue = testQueue(jobs)
  await queue.put('nightly')
  queue.assertPut('sendMail', { mail_type: 'bill' }, { times: 1 })
  queue.assertPut('add', ({ a }) => a === 1)
  const { result } = await queue.run(handlers, 'add', { a: 1, b: 2 }, { attempt: 2 })
  const sum: number = result
  const { at } = await queue.waitFor('add', { a: 1 }, 'retried')
  const when: Date = at
  await queue.clock.advance('1h')
  void [sum, when]
  // @ts-expect-error wrong name
  queue.assertPut('sendMial')
  // @ts-expect-error wrong argument
  queue.refutePut('sendMail', { mail_type: 'spam' })
  // @ts-expect-error wrong argument
  await queue.run(handlers, 'add', { a: 1 })
  // @ts-expect-error no such mode
  await queue.drain(handlers, { mode: 'all' })
  // @ts-expect-error no duration
  await queue.clock.advance('1 hour')
}

// @ts-expect-error no duration
export const slow = job({ timeout: '10 minutes' })
// @ts-expect-error no option
export const odd = job({ attempts: 3 })

export function context(ctx: Context<typeof jobs>): void {
  // @ts-expect-error no duration
  void ctx.pauseQueue('a while')
}
