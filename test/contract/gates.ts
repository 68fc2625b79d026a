import assert from 'node:assert/strict'
import type { JobId, Limit, Message, Queue, Reserved } from '../../src/job.ts'
import type { ForwardOp, Op } from '../../src/stores/store.ts'
import { dead, mail, other, text, type Subject } from './subject.ts'
import type { Case } from './store-contract.ts'

const third: Queue = 'default/third'

const limit = (s: Subject, name: string, value: Limit | undefined) =>
  s.ok<'record'>({ do: 'record', key: `limit/${name}`, value })

const gated = (...gates: string[]): Partial<Message> => ({ gates })

/** What is taken, as texts. */
const texts = (jobs: readonly Reserved[]) => jobs.map((job) => text(job.body))

const finish = async (s: Subject, job: Reserved | undefined) => {
  assert.ok(job)
  assert.equal((await s.finish(job.id, job.n)).ok, true)
}

/** Every way in which a lease ends. */
const ENDS: Record<string, (s: Subject, job: { id: JobId; n: number }) => Promise<unknown>> = {
  finish: (s, { id, n }) => s.finish(id, n),
  'release with a delay': (s, { id, n }) =>
    s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed', at: s.now + 1e6 }),
  bury: (s, { id, n }) => s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'rejected' }),
  'its deadline': async (s, { id }) => {
    s.clock.move(60_000)
    await s.ok<'due'>({ do: 'due', limit: 10 })
    await s.ok<'bury'>({ do: 'bury', job: { id }, why: 'asked' })
  },
  'its session': async (s, { id }) => {
    await s.ok<'end'>({ do: 'end', session: 's', as: 'released' })
    await s.ok<'bury'>({ do: 'bury', job: { id }, why: 'asked' })
  },
  'an operator by force': (s, { id }) => s.ok<'finish'>({ do: 'finish', job: { id, force: true } }),
  'a forward': (s, { id, n }) =>
    s.ok<'forward'>({ do: 'forward', job: { id, n }, to: [{ queue: third, create: true }], why: 'rejected' }),
  'a forward to nothing': (s, { id, n }) => s.ok<'forward'>({ do: 'forward', job: { id, n }, to: [], why: 'rejected' }),
  'a bulk delete': (s) =>
    s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['reserved'] }, act: 'delete', limit: 10 }),
  'a cancel, and the release of what was cancelled': async (s, { id, n }) => {
    await s.ok<'cancel'>({ do: 'cancel', job: id })
    await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed' })
  },
}

export const gates: Case[] = [
  [
    'concurrency: so many are reserved at a time, over all queues; the others wait, and come in order when one has left',
    async (s) => {
      await limit(s, 'm', { concurrency: 2 })
      const ids = []
      for (const body of ['1', '2', '3', '4']) ids.push(await s.put(body, {}, gated('m')))
      await s.put('5', { queue: other }, gated('m'))
      await s.put('free')
      const first = await s.take(10)
      assert.deepEqual(texts(first), ['1', '2', 'free'])
      assert.deepEqual(await s.take(10, [mail, other]), [])
      assert.equal(await s.state(ids[2] as JobId), 'waiting')
      assert.deepEqual((await s.view(ids[2] as JobId))?.blocked, {
        by: 'gate',
        what: 'm',
        running: 2,
        limit: { concurrency: 2 },
      })
      await finish(s, first[0])
      assert.deepEqual(await s.texts(10, [mail, other]), ['3'])
      assert.deepEqual(await s.texts(10, [mail, other]), [])
      await finish(s, first[1])
      assert.deepEqual(await s.texts(10, [other]), ['5'])
    },
  ],
  ...Object.entries(ENDS).map(([how, end]): Case => [
    `concurrency: is given back by ${how}`,
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      await s.put('a', {}, gated('m'))
      const next = await s.put('b', {}, gated('m'))
      const job = await s.takeOne()
      assert.equal(await s.state(next), 'waiting')
      await end(s, job)
      assert.deepEqual(await s.texts(), ['b'])
    },
  ]),
  [
    'a waiting job that is changed, or replaced by one of its unique key, counts at the gates that it has then',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      const unique: Message['unique'] = { key: 'k', for: 'unfinished', on: 'replace' }
      const edit: Omit<ForwardOp, 'job'> = { do: 'forward', to: [{ queue: mail }], why: 'asked', stay: true }
      await s.put('x', {}, gated('m/x'))
      await s.put('y', {}, gated('m/y'))
      assert.deepEqual(await s.texts(10), ['x', 'y'])
      const replaced = await s.put('1', {}, { ...gated('m/x'), unique })
      const edited = await s.put('2', {}, gated('m/x'))
      const freed = await s.put('3', {}, gated('m/x'))
      const blockedBy = async (id: JobId) => (await s.view(id))?.blocked?.what
      assert.deepEqual(await blockedBy(replaced), 'm/x')
      await s.put('4', {}, { ...gated('m/y'), unique })
      await s.ok<'forward'>({ ...edit, job: { id: edited }, gates: ['m/y'], body: Buffer.from('5') })
      assert.deepEqual([await blockedBy(replaced), await blockedBy(edited)], ['m/y', 'm/y'])
      if (s.store.traits.durable) await s.reopen()
      assert.deepEqual([await blockedBy(replaced), await blockedBy(edited)], ['m/y', 'm/y'])
      await s.ok<'forward'>({ ...edit, job: { id: freed }, gates: [] })
      if (s.store.traits.durable) await s.reopen()
      assert.ok((await s.texts(10)).includes('3'), 'it has none any more')
      await s.ok<'forward'>({ ...edit, job: { id: edited } })
      assert.deepEqual(await blockedBy(edited), 'm/y', 'what is not said stays')
      const many = Array.from({ length: 9 }, (_, i) => `m/${i}`)
      await s.refused({ ...edit, job: { id: edited }, gates: many }, 'unsupported')
    },
  ],
  [
    'concurrency: a reserve that ends the job at once gives it back at once',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      for (const body of ['1', '2', '3']) await s.put(body, {}, gated('m'))
      const { jobs } = await s.ok<'reserve'>({
        do: 'reserve',
        from: [mail],
        max: 9,
        bytes: 1e9,
        lease: { session: 's' },
        gone: true,
      })
      assert.deepEqual(texts(jobs), ['1', '2', '3'])
    },
  ],
  [
    'a record that is no limit limits nothing',
    async (s) => {
      for (const value of [null, 'm', { concurrency: 'few' }, { rate: { jobs: 1 } }]) {
        await s.ok<'record'>({ do: 'record', key: 'limit/m', value })
        for (const body of ['1', '2']) await s.put(body, {}, gated('m'))
        assert.deepEqual(await s.texts(10), ['1', '2'])
      }
    },
  ],
  [
    'concurrency of 0 lets nothing through',
    async (s) => {
      await limit(s, 'm', { concurrency: 0 })
      await s.put('a', {}, gated('m'))
      assert.deepEqual(await s.texts(), [])
    },
  ],
  [
    'rate: so many begin in a window, which starts with the first; when it is over the next may, and `due` lets them out',
    async (s) => {
      await limit(s, 'm', { rate: { jobs: 2, per: 1000 } })
      const ids = []
      for (const body of ['1', '2', '3', '4', '5']) ids.push(await s.put(body, {}, gated('m')))
      s.clock.move(500)
      for (const job of await s.take(10)) await finish(s, job)
      const empty = await s.op({ do: 'reserve', from: [mail], max: 1, bytes: 1e9, lease: { session: 's' } })
      assert.deepEqual(empty, { ok: false, why: 'empty', next: s.now + 1000 })
      assert.deepEqual((await s.view(ids[2] as JobId))?.blocked, {
        by: 'gate',
        what: 'm',
        running: 0,
        limit: { rate: { jobs: 2, per: 1000 } },
        until: s.now + 1000,
      })
      s.clock.move(999)
      assert.deepEqual(await s.texts(), [])
      s.clock.move(1)
      const due = await s.ok<'due'>({ do: 'due', limit: 100 })
      assert.equal((await s.stats())?.ready, 2)
      assert.deepEqual(due.next, undefined)
      assert.deepEqual(await s.texts(), ['3', '4'])
      s.clock.move(1000)
      assert.deepEqual(await s.texts(), ['5'], 'without a due as well')
    },
  ],
  [
    'rate: tells when it opens, and who waits of what became ready',
    async (s) => {
      await limit(s, 'm', { rate: { jobs: 1, per: 1000 } })
      await s.put('1', {}, gated('m'))
      await s.put('2', {}, gated('m'))
      await finish(s, await s.takeOne())
      const due = await s.ok<'due'>({ do: 'due', limit: 100 })
      assert.equal(due.next, s.now + 1000)
      s.clock.move(1000)
      const ready = new Promise((resolve) => s.store.hear((hint) => hint.ready?.includes(mail) && resolve(true)))
      await s.op({ do: 'due', limit: 100 })
      assert.equal(await ready, true)
    },
  ],
  [
    'rate: what was counted holds for its window, also while no job has that gate and what is over is thrown out',
    async (s) => {
      await limit(s, 'm', { rate: { jobs: 1, per: 5000 } })
      await s.put('1', {}, gated('m'))
      await finish(s, (await s.take(1))[0])
      s.clock.move(4000)
      await s.ok<'due'>({ do: 'due', limit: 10 })
      await s.put('2', {}, gated('m'))
      assert.deepEqual(await s.texts(), [])
      s.clock.move(1000)
      await s.ok<'due'>({ do: 'due', limit: 10 })
      assert.deepEqual(await s.texts(), ['2'])
    },
  ],
  [
    'rate: a reserve that is taken back does not count, if its window still runs',
    async (s) => {
      await limit(s, 'm', { rate: { jobs: 1, per: 1000 } })
      await s.put('1', {}, gated('m'))
      await s.put('2', {}, gated('m'))
      const back = async () => {
        const { id, n } = await s.takeOne()
        return () => s.ok<'release'>({ do: 'release', job: { id, n }, as: 'untaken' })
      }
      await (
        await back()
      )()
      const late = await back()
      s.clock.move(1000)
      assert.equal((await s.take(2)).length, 1)
      await late()
      assert.deepEqual(await s.texts(), [], 'that one was of the window before')
    },
  ],
  [
    "a queue's rate: a reserve that is taken back does not count, also by who opened the store since",
    async (s) => {
      await s.policy({ rate: { jobs: 1, per: 1000 } })
      await s.put('1')
      const { id, n } = await s.takeOne([mail], { ms: 'own' })
      await s.put('2')
      if (s.store.traits.durable) await s.reopen()
      assert.deepEqual(await s.texts(), [])
      await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'untaken' })
      assert.deepEqual(await s.texts(), ['1'])
    },
  ],
  [
    'what is gone when it is taken brings nobody of its group along before who comes first',
    async (s) => {
      await limit(s, 'c', { concurrency: 1 })
      await s.put('first at the gate', {}, gated('c'))
      await s.put('head', { pri: 0 }, { group: 'g' })
      await s.put('behind it', {}, { group: 'g', ...gated('c') })
      const taken = await s.ok<'reserve'>({
        do: 'reserve',
        from: [mail],
        max: 2,
        bytes: 1e9,
        lease: { ms: 'own' },
        run: true,
        gone: true,
      })
      assert.deepEqual(texts(taken.jobs), ['head', 'first at the gate'])
    },
  ],
  [
    'each key is a gate of its own, under the one limit',
    async (s) => {
      await limit(s, 'c', { concurrency: 1 })
      for (const [body, key] of ['1a', '2a', '1b', '2b'].map((one) => [one, one.slice(1)]))
        await s.put(body as string, {}, gated(`c/${key}`))
      const jobs = await s.take(10)
      assert.deepEqual(texts(jobs), ['1a', '1b'])
      await finish(s, jobs[1])
      assert.deepEqual(await s.texts(), ['2b'])
    },
  ],
  [
    'several: a job passes all of them; it waits at the first that is closed, and is looked at again when it opens',
    async (s) => {
      await limit(s, 'a', { concurrency: 1 })
      await limit(s, 'b', { concurrency: 1 })
      await s.put('a', {}, gated('a'))
      await s.put('b', {}, gated('b'))
      const both = await s.put('ab', {}, gated('a', 'b'))
      const [a, b] = await s.take(10)
      assert.equal((await s.view(both))?.blocked?.what, 'a')
      await finish(s, a)
      assert.deepEqual(await s.texts(), [])
      assert.equal((await s.view(both))?.blocked?.what, 'b')
      await s.put('a2', {}, gated('a'))
      const a2 = await s.take(10)
      assert.deepEqual(texts(a2), ['a2'], 'the one behind it is not kept up by its other gate')
      await finish(s, b)
      assert.deepEqual(await s.texts(), [])
      await finish(s, a2[0])
      assert.deepEqual(await s.texts(), ['ab'])
    },
  ],
  [
    'are taken in the order of priority and rank, whichever of them became ready first',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      for (const pri of [5, 9, 3, 7, 1]) await s.put(`${pri}`, { pri }, gated('m'))
      const taken: string[] = []
      for (let job = await s.takeOne(); ; job = await s.takeOne()) {
        taken.push(text(job.body))
        if (taken.length === 2) await s.put('0', { pri: 0 }, gated('m'))
        await finish(s, job)
        if (taken.length === 6) break
      }
      assert.deepEqual(taken, ['1', '3', '0', '5', '7', '9'])
    },
  ],
  [
    'keep the order of many that became ready before there was a limit',
    async (s) => {
      const bodies = Array.from({ length: 40 }, (_, i) => `${i}`)
      for (const body of bodies) await s.put(body, {}, gated('m'))
      await s.put('last')
      await limit(s, 'm', { concurrency: 3 })
      const taken: string[] = []
      let held = await s.take(10)
      assert.deepEqual(texts(held), ['0', '1', '2', 'last'])
      while (held.length > 0) {
        taken.push(...texts(held))
        for (const job of held) await finish(s, job)
        held = await s.take(10)
        assert.ok(held.length <= 3)
      }
      assert.deepEqual(
        taken.filter((body) => body !== 'last'),
        bodies,
      )
    },
  ],
  [
    'a limit that is raised or removed lets out those that wait; one that is lowered holds for what comes next',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      await limit(s, 'k', { concurrency: 0 })
      for (const body of ['1', '2', '3', '4', '5', '6']) await s.put(body, {}, gated('m'))
      for (const key of ['x', 'y', 'z']) await s.put(key, { queue: other }, gated(`k/${key}`))
      assert.deepEqual(await s.texts(), ['1'])
      await limit(s, 'm', { concurrency: 3 })
      const more = await s.take(10)
      assert.deepEqual(texts(more), ['2', '3'])
      await limit(s, 'm', { concurrency: 1 })
      for (const job of more) await finish(s, job)
      assert.deepEqual(await s.texts(), [])
      await limit(s, 'm', undefined)
      assert.deepEqual(await s.texts(), ['4', '5', '6'])
      assert.deepEqual(await s.texts(10, [other]), [])
      await limit(s, 'k', undefined)
      assert.deepEqual((await s.texts(10, [other])).toSorted(), ['x', 'y', 'z'])
    },
  ],
  [
    'one that comes from one closed gate to the next keeps its place before those that are ready there',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      await limit(s, 'n', { rate: { jobs: 1, per: 500 } })
      await s.put('holder', {}, gated('m'))
      const holder = await s.takeOne()
      await s.put('front', {}, gated('n', 'm'))
      await s.put('behind', {}, gated('n'))
      await s.put('urgent', { pri: 0 }, gated('n'))
      assert.deepEqual(await s.texts(1), ['urgent'])
      await finish(s, holder)
      s.clock.move(500)
      assert.deepEqual(await s.texts(1), ['front'])
      s.clock.move(500)
      assert.deepEqual(await s.texts(1), ['behind'])
    },
  ],
  [
    'a reserve by id passes a closed gate, and counts',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      const a = await s.put('a', {}, gated('m'))
      const b = await s.put('b', {}, gated('m'))
      await s.put('c', {}, gated('m'))
      const first = await s.takeOne(a)
      const second = await s.takeOne(b)
      await finish(s, first)
      assert.deepEqual(await s.texts(), [])
      await finish(s, second)
      assert.deepEqual(await s.texts(), ['c'])
    },
  ],
  [
    'those that wait can be listed, counted, changed, moved, cancelled, kept back, and expire',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      await s.put('running', {}, gated('m'))
      const job = await s.takeOne()
      const put = (body: string, to = {}) => s.put(body, to, gated('m'))
      const [deleted, buried, moved, edited, cancelled] = [
        await put('deleted'),
        await put('buried'),
        await put('moved'),
        await put('edited'),
        await put('cancelled'),
      ]
      await put('expired', { ttl: 50 })
      await put('stays')
      const { jobs } = await s.store.look({ where: { queue: mail, states: ['waiting'] }, limit: 100, with: ['body'] })
      assert.deepEqual(
        jobs.map(({ body }) => text(body)),
        ['deleted', 'buried', 'moved', 'edited', 'cancelled', 'expired', 'stays'],
      )
      assert.deepEqual([(await s.stats())?.waiting, (await s.stats())?.ready], [7, 0])
      await s.ok<'finish'>({ do: 'finish', job: { id: deleted } })
      await s.ok<'bury'>({ do: 'bury', job: { id: buried }, why: 'asked' })
      const to = (queue: Queue, over = {}): Op => ({
        do: 'forward',
        job: { id: queue === mail ? edited : moved },
        to: [{ queue, create: true, ...over }],
        why: 'asked',
      })
      await s.op(to(third))
      await s.op({ ...to(mail, { pri: 1 }), body: Buffer.from('EDITED') } as Op)
      await s.ok<'cancel'>({ do: 'cancel', job: cancelled })
      s.clock.move(50)
      assert.deepEqual(await s.texts(10, [mail, third]), [])
      assert.equal((await s.stats())?.waiting, 2)
      await finish(s, job)
      const edit = await s.takeOne([mail, third])
      assert.equal(text(edit.body), 'EDITED')
      await s.ok<'release'>({ do: 'release', job: { id: buried }, as: 'kicked' })
      await finish(s, edit)
      const rest: string[] = []
      for (let i = 0; i < 3; i++) {
        const one = await s.takeOne([mail, third])
        rest.push(text(one.body))
        assert.deepEqual(await s.take(10, [mail, third]), [])
        await finish(s, one)
      }
      assert.deepEqual(rest.toSorted(), ['buried', 'moved', 'stays'])
      assert.deepEqual(await s.take(10, [mail, third]), [])
    },
  ],
  [
    'bulk deletes, moves and drains those that wait',
    async (s) => {
      await limit(s, 'm', { concurrency: 0 })
      for (const body of ['1', '2', '3', '4']) await s.put(body, {}, gated('m'))
      const some = await s.ok<'bulk'>({
        do: 'bulk',
        where: { queue: mail, states: ['waiting'] },
        act: { to: other },
        limit: 2,
      })
      assert.deepEqual([some.count, some.more], [2, true])
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['waiting'] }, act: 'delete', limit: 9 })
      assert.equal((await s.stats())?.waiting, 0)
      await limit(s, 'm', undefined)
      assert.deepEqual(await s.texts(10, [mail, other]), ['1', '2'])
    },
  ],
  [
    'a group is closed by a head that waits at its gate, and jobs of one reserve stop where a gate does',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      await s.put('running', { queue: other }, gated('m'))
      const running = await s.takeOne([other])
      const head = await s.put('g1', {}, { group: 'g', ...gated('m') })
      const second = await s.put('g2', {}, { group: 'g' })
      await s.put('g3', {}, { group: 'g', ...gated('m') })
      await s.put('h', {}, { group: 'h' })
      assert.deepEqual(await s.texts(), ['h'])
      assert.equal((await s.view(head))?.blocked?.by, 'gate')
      assert.deepEqual((await s.view(second))?.blocked, { by: 'group', what: head })
      await finish(s, running)
      const { jobs } = await s.ok<'reserve'>({
        do: 'reserve',
        from: [mail],
        max: 9,
        bytes: 1e9,
        lease: { session: 's' },
        run: true,
      })
      assert.deepEqual(texts(jobs), ['g1', 'g2'])
      await finish(s, jobs[0])
      await finish(s, jobs[1])
      assert.deepEqual(await s.texts(), ['g3'])
    },
  ],
  [
    'a successor of its unique key waits for the first, then at its gate',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      const unique = { unique: { key: 'k', for: 'unfinished' as const, on: 'supersede' as const }, ...gated('m') }
      await s.put('a', {}, unique)
      const job = await s.takeOne()
      const next = await s.put('b', {}, unique)
      await s.put('c', {}, gated('m'))
      assert.equal((await s.view(next))?.blocked?.by, 'job')
      await finish(s, job)
      const b = await s.takeOne()
      assert.equal(text(b.body), 'b')
      await finish(s, b)
      assert.deepEqual(await s.texts(), ['c'])
    },
  ],
  [
    'a dead letter keeps its gates, and its copies have them too',
    async (s) => {
      await limit(s, 'm', { concurrency: 1 })
      await s.put('a', {}, gated('m'))
      const { id, n } = await s.takeOne()
      await s.ok<'forward'>({
        do: 'forward',
        job: { id, n },
        to: [
          { queue: dead, create: true },
          { queue: other, create: true },
        ],
        why: 'rejected',
      })
      assert.equal((await s.take(9, [dead, other])).length, 1)
    },
  ],
  [
    'a unit that is undone leaves gates as they were',
    async (s) => {
      await limit(s, 'm', { concurrency: 2, rate: { jobs: 3, per: 1e6 } })
      for (const body of ['1', '2', '3', '4', '5', '6']) await s.put(body, {}, gated('m'))
      const [a, b] = await s.take(10)
      assert.ok(a && b)
      const undone = await s.unit({
        refused: 'undo',
        ops: [
          { do: 'finish', job: { id: a.id, n: a.n } },
          { do: 'release', job: { id: b.id, n: b.n }, as: 'untaken' },
          { do: 'record', key: 'limit/m', value: { concurrency: 50 } },
          { do: 'put', to: [{ queue: mail }], msg: { body: Buffer.from('x'), gates: ['m'] } },
          { do: 'finish', job: { id: 1e9 } },
        ],
      })
      assert.equal(
        undone.every((result) => !result.ok),
        true,
      )
      assert.deepEqual(await s.texts(), [])
      assert.equal((await s.stats())?.reserved, 2)
      await finish(s, a)
      assert.deepEqual(await s.texts(), ['3'])
      await finish(s, b)
      assert.deepEqual(await s.texts(), [], 'three have begun in this window')
      await limit(s, 'm', { concurrency: 2 })
      assert.deepEqual(await s.texts(), ['4'])
    },
  ],
  [
    'durable: what runs, what waits and what began in a window is so after a restart',
    async (s) => {
      if (!s.store.traits.durable) return
      await limit(s, 'm', { concurrency: 2 })
      await limit(s, 'r', { rate: { jobs: 1, per: 5000 } })
      for (const body of ['1', '2', '3', '4']) await s.put(body, {}, gated('m'))
      for (const body of ['r1', 'r2']) await s.put(body, { queue: other }, gated('r'))
      await s.take(1, [mail], { ms: 60_000 })
      await s.take(1)
      await finish(s, (await s.take(1, [other]))[0])
      await s.reopen()
      assert.deepEqual(await s.texts(10, [other]), [])
      assert.deepEqual(await s.texts(), ['2'], 'the lease of a session ended with it; the other one goes on')
      assert.deepEqual(await s.texts(), [])
      s.clock.move(5000)
      assert.deepEqual(await s.texts(10, [other]), ['r2'])
    },
  ],
  [
    'shared: are counted over all that have the store open, and who waits is told when one opens',
    async (s) => {
      if (!s.store.traits.shared) return
      const second = await s.second()
      const take = async () => {
        const [result] =
          (await second.commit([
            { ops: [{ do: 'reserve', from: [mail], max: 9, bytes: 1e9, lease: { session: 's' } }] },
          ])[0]) ?? []
        return result?.ok && result.do === 'reserve' ? result.jobs : []
      }
      try {
        await limit(s, 'm', { concurrency: 2 })
        for (const body of ['1', '2', '3', '4']) await s.put(body, {}, gated('m'))
        const mine = await s.takeOne()
        assert.deepEqual(texts(await take()), ['2'])
        assert.deepEqual(await s.texts(), [])
        await second.wait([mail])
        const told = new Promise((resolve) => second.hear((hint) => hint.ready?.includes(mail) && resolve(true)))
        await finish(s, mine)
        assert.equal(await told, true)
        assert.deepEqual(texts(await take()), ['3'])
        assert.deepEqual(await take(), [])
        await limit(s, 'm', { concurrency: 3 })
        assert.deepEqual(texts(await take()), ['4'])
      } finally {
        await second.close()
      }
    },
  ],
  [
    'a whole queue: so many of its jobs are reserved at a time, whoever put them, and other queues go on',
    async (s) => {
      await s.policy({ concurrency: 2 })
      for (const body of ['1', '2', '3']) await s.put(body)
      await s.put('other', { queue: other })
      const id = await s.put('4')
      assert.equal((await s.view(id))?.blocked, undefined)
      const jobs = await s.take(10, [mail, other])
      assert.deepEqual(texts(jobs), ['1', '2', 'other'])
      assert.deepEqual((await s.view(id))?.blocked, {
        by: 'queue',
        what: mail,
        running: 2,
        limit: { concurrency: 2 },
      })
      assert.equal((await s.stats())?.ready, 2)
      const ready = new Promise((resolve) => s.store.hear((hint) => hint.ready?.includes(mail) && resolve(true)))
      await finish(s, jobs[0])
      assert.equal(await ready, true)
      assert.deepEqual(await s.texts(), ['3'])
      await s.policy({ concurrency: 3 })
      assert.deepEqual(await s.texts(), ['4'])
    },
  ],
  [
    'a limit that is taken away lets all out, however many wait and in however many queues',
    async (s) => {
      await limit(s, 'm', { concurrency: 0 })
      const queues = Array.from({ length: 5 }, (_, i): Queue => `default/queue${i}`)
      const msg = { body: Buffer.from('x'), gates: ['m'] }
      for (const queue of queues)
        await s.unit({ ops: Array.from({ length: 250 }, () => ({ do: 'put', to: [{ queue, create: true }], msg })) })
      await limit(s, 'm', undefined)
      for (let more = true; more;) more = (await s.ok<'due'>({ do: 'due', limit: 100 })).more
      assert.deepEqual(
        (await s.store.stats(queues)).map(({ ready, waiting }) => [ready, waiting]),
        queues.map(() => [250, 0]),
      )
    },
  ],
  [
    'a whole queue: so many begin in a window, and `due` tells when the next may',
    async (s) => {
      await s.policy({ rate: { jobs: 2, per: 1000 } })
      for (const body of ['1', '2', '3', '4']) await s.put(body)
      const [a, b] = await s.take(10)
      assert.ok(a && b)
      const empty = await s.op({ do: 'reserve', from: [mail], max: 1, bytes: 1e9, lease: { session: 's' } })
      assert.deepEqual(empty, { ok: false, why: 'empty', next: s.now + 1000 })
      assert.equal((await s.ok<'due'>({ do: 'due', limit: 9 })).next, s.now + 1000)
      await s.ok<'release'>({ do: 'release', job: { id: b.id, n: b.n }, as: 'untaken' })
      assert.deepEqual(await s.texts(), ['2'])
      assert.deepEqual(await s.texts(), [])
      s.clock.move(1000)
      const ready = new Promise((resolve) => s.store.hear((hint) => hint.ready?.includes(mail) && resolve(true)))
      await s.op({ do: 'due', limit: 9 })
      assert.equal(await ready, true)
      assert.deepEqual(await s.texts(), ['3', '4'])
    },
  ],
  [
    'more than 8, or a name that is too long or empty, are refused; a name twice is one gate',
    async (s) => {
      const put = (gates: string[]): Op => ({
        do: 'put',
        to: [{ queue: mail, create: true }],
        msg: { body: Buffer.from('x'), gates },
      })
      const many = Array.from({ length: 9 }, (_, i) => `g${i}`)
      await s.refused(put(many), 'unsupported')
      assert.equal((await s.op(put(many.slice(1)))).ok, true)
      await finish(s, await s.takeOne())
      await s.refused(put(['x'.repeat(301)]), 'unsupported')
      await s.refused(put(['']), 'unsupported')
      await s.refused(put(['/x']), 'unsupported')
      await limit(s, 'm', { concurrency: 1 })
      await s.op(put(['m', 'm']))
      await s.op(put(['m', `m/${'x'.repeat(298)}`]))
      const [job] = await s.take(9)
      assert.equal((await s.take(9)).length, 0)
      await finish(s, job)
      assert.equal((await s.take(9)).length, 1)
    },
  ],
  [
    'rate: a window that ends opens the gate, though one that waited there leaves at the same moment',
    async (s) => {
      await limit(s, 'm', { rate: { jobs: 1, per: 500 } })
      for (const [body, ttl] of [['first'], ['waits'], ['expires', 600]] as const)
        await s.put(body, ttl === undefined ? {} : { ttl }, gated('m'))
      await finish(s, await s.takeOne())
      s.clock.move(700)
      assert.equal((await s.stats())?.ready, 1)
      assert.deepEqual(await s.texts(), ['waits'])
    },
  ],
]
