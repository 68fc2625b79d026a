import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Session } from '../../src/broker/broker.ts'
import { UnavailableError } from '../../src/errors.ts'
import type { Queue } from '../../src/job.ts'
import { open, putOp, settle, type Heard } from './open.ts'

const queues: Queue[] = ['default/a', 'default/b', 'default/c']
const some = fc.uniqueArray(fc.constantFrom(...queues), { minLength: 1 })

type Step =
  | { do: 'put'; to: Queue[]; pri: number; group: boolean; delay: number }
  | { do: 'elsewhere'; to: Queue[] }
  | { do: 'line'; queues: Queue[]; credit: number; once: boolean; priority: number; wait: number; bytes: boolean }
  | { do: 'credit' | 'close' | 'finish' | 'release' | 'bury' | 'end'; which: number }
  | { do: 'kick'; queue: Queue }
  | { do: 'pause'; queue: Queue; ms: number }
  | { do: 'move'; ms: number }
  | { do: 'hold' | 'let go' | 'settle' | 'refuse' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('put' as const),
    to: fc.array(fc.constantFrom(...queues), { minLength: 1, maxLength: 4 }),
    pri: fc.nat(2),
    group: fc.boolean(),
    delay: fc.constantFrom(0, 0, 0, 50),
  }),
  fc.record({
    do: fc.constant('elsewhere' as const),
    to: fc.array(fc.constantFrom(...queues), { minLength: 1, maxLength: 9 }),
  }),
  fc.record({
    do: fc.constant('line' as const),
    queues: some,
    credit: fc.integer({ min: 1, max: 4 }),
    once: fc.boolean(),
    priority: fc.nat(1),
    wait: fc.constantFrom(0, 100, 10_000),
    bytes: fc.boolean(),
  }),
  fc.record({
    do: fc.constantFrom(
      'credit' as const,
      'close' as const,
      'finish' as const,
      'release' as const,
      'bury' as const,
      'end' as const,
    ),
    which: fc.nat(9),
  }),
  fc.record({ do: fc.constant('kick' as const), queue: fc.constantFrom(...queues) }),
  fc.record({ do: fc.constant('pause' as const), queue: fc.constantFrom(...queues), ms: fc.constantFrom(0, 60) }),
  fc.record({ do: fc.constant('move' as const), ms: fc.constantFrom(10, 100, 400) }),
  fc.record({ do: fc.constantFrom('hold' as const, 'let go' as const, 'settle' as const, 'refuse' as const) }),
)

describe('whatever happens', () => {
  it('no job is ready while somebody waits for it, and none is lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), async (steps) => {
        const { broker, session, line, store, clock } = await open()
        const admin = session()
        const sessions: Session[] = [session(), session(), session()]
        const lines: {
          heard: Heard
          session: Session
          queues: Queue[]
          credit: number
          once: boolean
          closed: boolean
        }[] = []
        const waiting: Promise<unknown>[] = []
        let puts = 0
        let finished = 0
        let letGo = () => {}
        const dropped = (promise: Promise<unknown>) =>
          waiting.push(promise.catch((error: unknown) => assert.ok(error instanceof UnavailableError)))
        const taken = (which: number) => {
          const all = sessions.flatMap((one) => [...one.holds()].map(({ id }) => ({ one, id })))
          return all[which % Math.max(1, all.length)]
        }
        for (const [i, step] of steps.entries())
          switch (step.do) {
            case 'put': {
              const op = (queue: Queue) => ({
                ...putOp('12345', { queue, pri: step.pri, ...(step.delay > 0 && { at: clock.now() + step.delay }) }),
                msg: { body: Buffer.from('12345'), ...(step.group && { group: 'g' }) },
              })
              dropped(
                admin
                  .commit({ ops: step.to.map(op) })
                  .then((results) => (puts += results.filter(({ ok }) => ok).length)),
              )
              break
            }
            case 'elsewhere':
              // By another process: the store tells that something is there, not how much.
              await store.inner.commit([{ ops: step.to.map((queue) => putOp('12345', { queue })) }])[0]
              puts += step.to.length
              store.hint({ ready: [...new Set(step.to)] })
              break
            case 'line': {
              const one = sessions[i % sessions.length] as Session
              const { queues, credit, once, priority, wait, bytes } = step
              const heard = line(one, {
                queues,
                credit,
                priority,
                wait,
                ...(once && { once }),
                ...(bytes && { bytes: 10 }),
              })
              lines.push({ heard, session: one, queues, credit, once, closed: false })
              break
            }
            case 'credit': {
              const one = lines[step.which % Math.max(1, lines.length)]
              if (!one) break
              one.heard.credit(2)
              one.credit += 2
              break
            }
            case 'close': {
              const one = lines[step.which % Math.max(1, lines.length)]
              if (!one) break
              dropped(one.heard.close())
              one.closed = true
              break
            }
            case 'finish':
            case 'release':
            case 'bury': {
              const job = taken(step.which)
              if (!job) break
              const ref = { id: job.id, held: job.one.id }
              if (step.do === 'finish')
                dropped(
                  job.one
                    .commit({ ops: [{ do: 'finish', job: ref }] })
                    .then(([result]) => (finished += result?.ok ? 1 : 0)),
                )
              else if (step.do === 'release')
                dropped(job.one.commit({ ops: [{ do: 'release', job: ref, as: 'asked' }] }))
              else dropped(job.one.commit({ ops: [{ do: 'bury', job: ref, why: 'asked' }] }))
              break
            }
            case 'end': {
              const at = step.which % sessions.length
              const one = sessions[at] as Session
              for (const other of lines) if (other.session === one) other.closed = true
              dropped(one.close('released'))
              sessions[at] = session()
              break
            }
            case 'kick':
              dropped(
                admin.commit({
                  ops: [{ do: 'bulk', where: { queue: step.queue, states: ['buried'] }, act: 'kick', limit: 10 }],
                }),
              )
              break
            case 'pause':
              dropped(
                admin.commit({
                  ops: [
                    { do: 'record', key: `pause/${step.queue}`, value: step.ms ? clock.now() + step.ms : undefined },
                  ],
                }),
              )
              break
            case 'move':
              clock.move(step.ms)
              break
            case 'hold':
              if (!store.gate) store.gate = new Promise((resolve) => (letGo = resolve))
              break
            case 'let go':
              store.gate = undefined
              letGo()
              break
            case 'refuse':
              store.errors.push(new UnavailableError('not now'))
              break
            case 'settle':
              await settle()
          }
        store.gate = undefined
        letGo()
        store.errors.length = 0
        for (let i = 0; i < 3; i++) {
          await settle()
          clock.move(1000)
        }
        await settle()
        await Promise.all(waiting)

        const stats = await store.stats()
        const ready = new Set(stats.filter((queue) => queue.ready > 0).map(({ queue }) => queue))
        let waits = 0
        for (const { heard, queues, credit, once, closed } of lines) {
          assert.ok(heard.jobs.length <= credit, 'more than its credit')
          if (closed || heard.ended.length > 0 || heard.jobs.length === credit || (once && heard.jobs.length > 0))
            continue
          waits++
          assert.ok(!queues.some((queue) => ready.has(queue)), `idle beside a ready job of ${queues.join()}`)
        }
        assert.equal(broker.waiting(), waits)
        const there = stats.reduce(
          (sum, { ready, delayed, waiting, reserved, buried }) => sum + ready + delayed + waiting + reserved + buried,
          0,
        )
        assert.equal(there, puts - finished)
        // What nobody holds as far as the mirror knows is not reserved.
        const held = sessions.reduce((sum, one) => sum + [...one.holds()].length, 0)
        assert.equal(
          stats.reduce((sum, { reserved }) => sum + reserved, 0),
          held,
        )
        await broker.close()
      }),
      { numRuns: Number(process.env['QUEUEUP_TEST_RUNS'] ?? 200) },
    )
  })
})
