/** Any interleaving of handlers that succeed, fail, hang or lose their lease, and of workers that die or stop: what must hold at each moment, and in the end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defineJobs, Discard, job, RetryLater, type Handlers, type Worker } from '../../src/index.ts'
import { testQueue, type TestQueue } from '../../src/testing/index.ts'
import { check } from '../model/seeds.ts'
import { fired } from './open.ts'

type Deed = 'done' | 'fail' | 'discard' | 'later' | 'hang' | 'deaf'
type Name = 'free' | 'limited' | 'keyed'
interface Args {
  plan: Deed[]
  key: string
}
type Step =
  | { do: 'put'; name: Name; plan: Deed[]; group: number; key: number; retries: number; delay: number }
  | { do: 'advance'; ms: number }
  | { do: 'crash' | 'stop'; worker: number }
  | { do: 'lose' | 'cancel'; job: number }

const LIMIT = 2
const WORKERS = 2
const jobs = defineJobs({
  free: job<Args>({ timeout: '1m' }),
  limited: job<Args>({ timeout: '1m', limits: [{ concurrency: LIMIT }] }),
  keyed: job<Args>({ timeout: '1m', limits: [{ concurrency: 1, key: (args: Args) => args.key }] }),
})

const deed = fc.constantFrom<Deed>('done', 'done', 'fail', 'fail', 'discard', 'later', 'hang', 'deaf')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      name: fc.constantFrom<Name>('free', 'limited', 'keyed'),
      plan: fc.array(deed, { maxLength: 4, size: 'max' }),
      group: fc.nat(3),
      key: fc.nat(1),
      retries: fc.nat(3),
      delay: fc.constantFrom(0, 0, 0, 1500),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(0, 100, 1000, 30_000, 66_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'stop' as const), worker: fc.nat(WORKERS - 1) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'cancel' as const), job: fc.nat(9) }) },
)

/** What is known of a job from without. */
interface Known {
  id: string
  name: Name
  args: Args
  group: string | undefined
  retries: number
  calls: number
  /** Ends of its attempts that count as failures. */
  failures: number
  /** It may have lain ready at workers that crashed, so often: whether it did is not known. */
  doubts: number
  /** So often it did: that sets no job aside. */
  unbegun: number
  ends: string[]
  /** It was cancelled while it was worked. */
  called?: boolean
}

/** It comes again; or, if it was cancelled, not, and no worker is left to tell of it. */
function lose(job: Known): void {
  if (job.called) job.ends.push('cancelled')
  else job.failures++
}
interface Live {
  job: Known
  worker: Worker | undefined
}

class Run {
  readonly queue: TestQueue<typeof jobs> = testQueue(jobs)
  readonly #known = new Map<string, Known>()
  readonly #live = new Set<Live>()
  readonly #workers: (Worker | undefined)[] = []
  /** The job of each group that began last. */
  readonly #last = new Map<string, number>()
  readonly wrong: string[] = []

  constructor() {
    const { queue } = this
    for (const as of ['done', 'dead', 'cancelled'] as const) queue.on(as, ({ id }) => this.#job(id).ends.push(as))
    queue.on('failed', ({ id }) => this.#job(id).failures++)
    queue.on('stalled', ({ id }) => this.#forget((live) => live.job.id === id))
    queue.on('error', ({ error }) => this.wrong.push(`error: ${String(error)}`))
    for (let i = 0; i < WORKERS; i++) this.#start(i)
  }

  #job(id: string): Known {
    const known = this.#known.get(id)
    assert.ok(known, `nobody put ${id}`)
    return known
  }

  #forget(which: (live: Live) => boolean): void {
    for (const live of this.#live) if (which(live)) this.#live.delete(live)
  }

  #start(i: number): void {
    const handler =
      (name: Name) =>
      ({ id, args }: { id: string; args: Args }, ctx: { signal: AbortSignal; attempt: number }) => {
        const known = this.#known.get(id) ?? this.#early(id, name, args)
        const live: Live = { job: known, worker: this.#workers[i] }
        this.#begin(live, ctx.attempt)
        return this.#work(known, ctx.signal).finally(() => this.#live.delete(live))
      }
    const handlers: Handlers<typeof jobs> = {
      free: handler('free'),
      limited: handler('limited'),
      keyed: handler('keyed'),
    }
    this.#workers[i] = this.queue.work(handlers, { concurrency: 3, stopWithin: '10s' })
  }

  /** It is worked before its put was answered. */
  #early(id: string, name: Name, args: Args): Known {
    const known: Known = {
      id,
      name,
      args,
      group: undefined,
      retries: 0,
      calls: 0,
      failures: 0,
      doubts: 0,
      unbegun: 0,
      ends: [],
    }
    this.#known.set(id, known)
    return known
  }

  #begin(live: Live, attempt: number): void {
    const { job } = live
    if (job.ends.length > 0) this.wrong.push(`${job.id} begins after its end`)
    if (attempt < job.failures + 1 || attempt > job.failures + 1 + job.doubts)
      this.wrong.push(`${job.id} begins attempt ${attempt} after ${job.failures} failures`)
    const unbegun = attempt - 1 - job.failures
    job.doubts -= unbegun
    job.unbegun += unbegun
    job.failures = attempt - 1
    for (const { job: other } of this.#live) if (other === job) this.wrong.push(`${job.id} runs twice`)
    this.#live.add(live)
    const same = [...this.#live].filter((one) => one.job.name === job.name)
    if (job.name === 'limited' && same.length > LIMIT) this.wrong.push(`${same.length} run under a limit of ${LIMIT}`)
    if (job.name === 'keyed' && same.filter((one) => one.job.args.key === job.args.key).length > 1)
      this.wrong.push(`two of key ${job.args.key} run`)
    if (job.group === undefined) return
    // Whoever comes after a later one of its group had not ended when that began.
    const group = `${job.name} ${job.group}`
    const last = this.#last.get(group) ?? 0
    if (last > Number(job.id)) this.wrong.push(`${job.id} begins after ${last} of its group`)
    this.#last.set(group, Number(job.id))
    for (const { job: other } of this.#live)
      if (other !== job && other.name === job.name && other.group === job.group)
        this.wrong.push(`${other.id} and ${job.id} of one group run`)
  }

  async #work(job: Known, signal: AbortSignal): Promise<string> {
    switch (job.args.plan[job.calls++] ?? 'done') {
      case 'done':
        return 'done'
      case 'fail':
        throw new Error('no')
      case 'discard':
        throw new Discard('no')
      case 'later':
        throw new RetryLater('10s')
      case 'hang':
        throw await fired(signal)
      case 'deaf':
        return new Promise(() => undefined)
    }
  }

  async take(step: Step): Promise<void> {
    const { queue } = this
    switch (step.do) {
      case 'put': {
        const { name, plan, key, retries, delay } = step
        const group = step.group === 0 ? undefined : `g${step.group}`
        const args = { plan, key: `k${key}` }
        const options = { retries, delay, ...(group !== undefined && { group }) }
        const { id } = await queue.put(name, args, options)
        const known = this.#known.get(id) ?? this.#early(id, name, args)
        Object.assign(known, { group, retries })
        return
      }
      case 'advance':
        return queue.clock.advance(step.ms)
      case 'crash': {
        const worker = this.#workers[step.worker] as Worker
        const lost = await this.#reservedBy(worker)
        if (worker.health().prefetched > 0) await this.#doubt()
        this.#forget((live) => live.worker === worker)
        await queue.simulate.crash(worker)
        for (const job of lost) lose(job)
        return this.#start(step.worker)
      }
      case 'stop': {
        const worker = this.#workers[step.worker] as Worker
        const stopped = worker.stop()
        await queue.clock.advance('20s')
        await stopped
        return this.#start(step.worker)
      }
      case 'lose': {
        const job = await this.#reserved(step.job)
        if (!job) return
        this.#forget((live) => live.job === job)
        lose(job)
        return queue.simulate.loseLease(job.id)
      }
      case 'cancel': {
        const job = [...this.#known.values()][step.job]
        if (!job) return
        const answer = await queue.cancel(job.id)
        if (answer === 'cancelled') job.ends = ['cancelled']
        if (answer === 'told') job.called = true
        return
      }
    }
  }

  /** Jobs that are reserved and don't run lie ready at one of the workers. */
  async #doubt(): Promise<void> {
    for (const name of Object.keys(jobs)) {
      const { jobs } = await this.queue.list({ queue: name, states: ['reserved'] })
      for (const { id } of jobs) if (![...this.#live].some((live) => live.job.id === id)) this.#job(id).doubts++
    }
  }

  /** The runs of this worker. */
  async #reservedBy(worker: Worker): Promise<Known[]> {
    await this.queue.settled()
    const held = [...this.#live].filter((live) => live.worker === worker).map((live) => live.job)
    assert.ok(worker.health().active >= held.length)
    return held
  }

  async #reserved(n: number): Promise<Known | undefined> {
    await this.queue.settled()
    return [...this.#live].map((live) => live.job)[n]
  }

  /** Time passes until nothing is left to be done. */
  async end(): Promise<void> {
    const { queue } = this
    const left = async () =>
      (await queue.counts()).reduce((sum, one) => sum + one.ready + one.delayed + one.waiting + one.reserved, 0)
    for (let i = 0; i < 200 && (await left()) > 0; i++) await queue.clock.advance('2m')
    assert.equal(await left(), 0, 'jobs are left')
    const dead = (await queue.counts()).reduce((sum, one) => sum + one.buried, 0)
    for (const { id, ends, calls, failures, unbegun, retries } of this.#known.values()) {
      assert.equal(ends.length, 1, `${id} ended as [${ends.join()}] after ${calls} calls`)
      assert.ok(failures <= retries + 1 + unbegun, `${id} failed ${failures} times of ${retries + 1} + ${unbegun}`)
    }
    assert.equal([...this.#known.values()].filter((one) => one.ends[0] === 'dead').length, dead)
    assert.deepEqual(this.wrong, [])
  }
}

test('each job ends once, its attempts are counted, groups keep their order, limits hold', async () => {
  await check(
    'interleaving of jobs',
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      const run = new Run()
      try {
        for (const step of steps) {
          await run.take(step)
          assert.deepEqual(run.wrong, [])
        }
        await run.end()
      } finally {
        await run.queue.close()
      }
    }),
    60,
  )
})
