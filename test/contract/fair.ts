import assert from 'node:assert/strict'
import type { JobId, Message, Queue } from '../../src/job.ts'
import type { Op } from '../../src/stores/store.ts'
import type { Case } from './store-contract.ts'
import { dead, mail, other, text, type Subject } from './subject.ts'

const third: Queue = 'default/third'
const of = (group: string): Partial<Message> => ({ group })

function putOp(body: string, group: string | undefined, pri?: number): Op {
  return {
    do: 'put',
    to: [{ queue: mail, ...(pri !== undefined && { pri }) }],
    msg: { body: Buffer.from(body), ...(group !== undefined && { group }) },
  }
}

/** So many jobs of a group, in commits of a thousand. */
async function putMany(s: Subject, group: string | undefined, jobs: number): Promise<void> {
  for (let from = 0; from < jobs; from += 1000) {
    const ops = Array.from({ length: Math.min(1000, jobs - from) }, (_, i) => putOp(`${group}${from + i}`, group))
    const results = await s.unit({ ops })
    assert.ok(results.every((result) => result.ok))
  }
}

async function release(s: Subject, id: JobId, more: object = {}): Promise<void> {
  const n = (await s.view(id))?.n as number
  await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'asked', ...more })
}

async function ranks(s: Subject, queue: Queue = mail): Promise<string[]> {
  const { jobs } = await s.store.look({ where: { queue, states: ['ready'] }, limit: 100, with: ['body'] })
  return jobs.map((job) => text(job.body))
}

export const fair: Case[] = [
  [
    'a group of 10,000 jobs holds up none of a group with few: its next is taken among the first two, at any time',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await putMany(s, 'noisy', 10_000)
      await s.put('quiet', {}, of('quiet'))
      assert.ok((await s.texts(2)).includes('quiet'))
      assert.equal((await s.take(5000)).length, 5000)
      await s.put('quiet again', {}, of('quiet'))
      assert.ok((await s.texts(2)).includes('quiet again'), 'also when the turns have gone on')
      await s.put('none', {})
      assert.ok((await s.texts(2)).includes('none'), 'jobs of no group are one group')
    },
  ],
  [
    'groups that all have jobs take turns, and each has its own in the order of the puts',
    async (s) => {
      await s.policy({ groups: 'fair' })
      for (const group of ['a', 'b', 'c']) for (let i = 0; i < 3; i++) await s.put(`${group}${i}`, {}, of(group))
      assert.deepEqual(await s.texts(4), ['a0', 'b0', 'c0', 'a1'])
      await s.put('a3', {}, of('a'))
      await s.put('d0', {}, of('d'))
      assert.deepEqual(await s.texts(), ['b1', 'c1', 'd0', 'a2', 'b2', 'c2', 'a3'])
    },
  ],
  [
    'a group is closed by none of its jobs: not by a reserved one, nor by one that waits for its time',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await s.put('later', { at: s.now + 100 }, of('g'))
      await s.put('1', {}, of('g'))
      await s.put('2', {}, of('g'))
      const jobs = await s.take(3)
      assert.deepEqual(
        jobs.map((job) => [text(job.body), job.group]),
        [
          ['1', 'g'],
          ['2', 'g'],
        ],
      )
      assert.equal((await s.stats())?.waiting, 0)
    },
  ],
  [
    'turns are taken among jobs of one priority',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await s.unit({ ops: [1, 2, 3].map((i) => putOp(`noisy${i}`, 'noisy', 9)) })
      await s.put('urgent1', { pri: 1 }, of('noisy'))
      await s.put('urgent2', { pri: 1 }, of('noisy'))
      await s.put('urgent', { pri: 1 }, of('other'))
      await s.put('quiet', { pri: 9 }, of('quiet'))
      assert.deepEqual(await s.texts(), ['urgent1', 'urgent', 'urgent2', 'noisy1', 'quiet', 'noisy2', 'noisy3'])
    },
  ],
  [
    'jobs come behind the others of their group when their time comes, or when they are kicked: many at once hold up nobody',
    async (s) => {
      await s.policy({ groups: 'fair' })
      for (let i = 0; i < 5; i++) await s.put(`late${i}`, { at: s.now + 100 }, of('noisy'))
      for (let i = 0; i < 5; i++) await s.put(`buried${i}`, {}, of('noisy'))
      for (const { id, n } of await s.take(5)) await s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'asked' })
      await s.put('other', {}, of('other'))
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried'] }, act: 'kick', limit: 10 })
      s.clock.move(100)
      await s.put('quiet1', {}, of('quiet'))
      await s.put('quiet2', {}, of('quiet'))
      assert.deepEqual(await s.texts(5), ['buried0', 'other', 'quiet1', 'buried1', 'quiet2'])
      assert.deepEqual((await s.texts()).slice(-5), ['late0', 'late1', 'late2', 'late3', 'late4'])
    },
  ],
  [
    'one that comes back from its lease is among the next, and overtakes no more than it did before',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await putMany(s, 'noisy', 100)
      const [first] = await s.take(50)
      assert.ok(first)
      await s.put('quiet', {}, of('quiet'))
      await release(s, first.id)
      assert.deepEqual(await s.texts(3), ['noisy0', 'noisy50', 'quiet'])
      // With an old turn at the head, others must not begin there.
      await s.put('new0', {}, of('new'))
      await s.put('new1', {}, of('new'))
      await s.put('new2', {}, of('new'))
      assert.deepEqual(await s.texts(4), ['noisy51', 'new0', 'noisy52', 'new1'])
    },
  ],
  [
    'released to the back, a job comes behind its group',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await s.put('a0', {}, of('a'))
      await s.put('a1', {}, of('a'))
      await s.put('b0', {}, of('b'))
      const [first] = await s.take(1)
      assert.ok(first)
      await release(s, first.id, { back: true })
      assert.deepEqual(await s.texts(), ['b0', 'a1', 'a0'])
      await release(s, first.id, { back: true, at: s.now + 1000 })
      assert.ok(Number.isSafeInteger((await s.view(first.id))?.rank), 'also where nothing is ready')
    },
  ],
  [
    'a job that leaves gives its turn to the next of its group; a group without jobs begins anew',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await putMany(s, 'noisy', 200)
      await s.ok<'bulk'>({
        do: 'bulk',
        where: { queue: mail, states: ['ready'], match: 'noisy1' },
        act: 'delete',
        limit: 1000,
      })
      await putMany(s, 'b', 3)
      await s.ok<'bulk'>({
        do: 'bulk',
        where: { queue: mail, states: ['ready'], match: 'noisy' },
        act: 'delete',
        limit: 1000,
      })
      await s.put('x', {}, of('noisy'))
      assert.deepEqual(await s.texts(2), ['b0', 'x'])
    },
  ],
  [
    'turned on, it holds for jobs put from then on: they overtake what a noisy one has put, and groups that were in order stay so',
    async (s) => {
      for (const body of ['a0', 'a1', 'a2']) await s.put(body, {}, of('a'))
      for (let i = 0; i < 20; i++) await s.put(`none${i}`)
      await s.policy({ groups: 'fair' })
      await s.put('quiet', {}, of('quiet'))
      await s.put('a3', {}, of('a'))
      assert.deepEqual(await s.texts(4), ['a0', 'quiet', 'a3', 'none0'])
      await s.policy({ groups: 'ordered' })
      await s.put('q1', {}, of('quiet'))
      await s.put('q2', {}, of('quiet'))
      const rest = await s.texts()
      assert.ok(rest.includes('q1') && !rest.includes('q2') && !rest.includes('a1'), rest.join())
    },
  ],
  [
    'moved to another queue, a job is what its group is there',
    async (s) => {
      await s.policy({ groups: 'fair' })
      for (const body of ['1', '2', '3']) await s.put(body, {}, of('g'))
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['ready'] }, act: { to: other }, limit: 10 })
      assert.equal((await s.take(9, [other])).length, 3, 'nobody said that they are in order there')
      await s.ok<'end'>({ do: 'end', session: 's', as: 'released' })
      await s.policy({ groups: 'ordered' }, third)
      await s.ok<'bulk'>({
        do: 'bulk',
        where: { queue: other, states: ['ready'] },
        act: { to: third },
        limit: 10,
      })
      assert.deepEqual(await s.texts(9, [third]), ['1'], 'in order')
      assert.equal((await s.stats(third))?.waiting, 2)
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: third, states: ['waiting'] }, act: { to: mail }, limit: 10 })
      assert.deepEqual(await s.texts(), ['2', '3'])
    },
  ],
  [
    'forwarded to two queues, it is in each what its group is there, whatever it is in the other',
    async (s) => {
      await s.policy({ groups: 'fair' })
      for (const body of ['1', '2']) {
        const id = await s.put(body, { queue: third }, of('g'))
        const to = [mail, other].map((queue) => ({ queue, create: true as const }))
        await s.ok<'forward'>({ do: 'forward', job: { id }, to, why: 'asked' })
      }
      assert.deepEqual(await s.texts(), ['1', '2'])
      assert.deepEqual(await s.texts(9, [other]), ['1'], 'in order, as it was')
    },
  ],
  [
    'between queues, the job that was put first goes first',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await putMany(s, 'noisy', 20)
      await s.put('other', { queue: other })
      for (let i = 0; i < 20; i++) await s.put(`later${i}`, {}, of(`g${i}`))
      const order = await s.texts(10, [mail, other])
      assert.ok(order.indexOf('other') >= 0 && order.indexOf('other') < 3, order.join())
    },
  ],
  [
    'works with limits: what waits at one keeps its turn, and overtakes what a noisy group has waiting there',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await s.ok<'record'>({ do: 'record', key: 'limit/m', value: { concurrency: 1 } })
      for (let i = 0; i < 5; i++) await s.put(`noisy${i}`, {}, { group: 'noisy', gates: ['m'] })
      const running = await s.takeOne()
      await s.put('quiet', {}, { group: 'quiet', gates: ['m'] })
      await s.finish(running.id, running.n)
      const second = await s.takeOne()
      await s.finish(second.id, second.n)
      const third = await s.takeOne()
      assert.ok([second, third].some((job) => text(job.body) === 'quiet'))
    },
  ],
  [
    'turns are the same after a restart, and for another process',
    async (s) => {
      if (!s.store.traits.durable) return
      await s.policy({ groups: 'fair' })
      await putMany(s, 'noisy', 50)
      await s.take(10, [mail], { ms: 1e6 })
      await s.reopen()
      await s.put('quiet', {}, of('quiet'))
      await s.put('noisy50', {}, of('noisy'))
      const second = await s.second()
      try {
        const [result] = (await second.commit([{ ops: [putOp('third', 'third')] }])[0]) ?? []
        assert.ok(result?.ok)
        await s.put('quiet2', {}, of('quiet'))
        assert.deepEqual((await ranks(s)).slice(0, 5), ['noisy10', 'quiet', 'third', 'noisy11', 'quiet2'])
        assert.equal((await ranks(s)).at(-1), 'noisy50')
      } finally {
        await second.close()
      }
    },
  ],
  [
    'are none that close each other where their jobs go as dead letters, nor for the copies of those',
    async (s) => {
      await s.policy({ groups: 'fair' })
      const to = [dead, other].map((queue) => ({ queue, create: true }) as const)
      for (const body of ['1', '2']) {
        const id = await s.put(body, {}, of('g'))
        await s.ok<'forward'>({ do: 'forward', job: { id }, to, why: 'rejected' })
      }
      for (const { queue } of to) assert.deepEqual(await s.texts(10, [queue]), ['1', '2'])
    },
  ],
  [
    'many groups of one turn go as they were put, also after a restart',
    async (s) => {
      await s.policy({ groups: 'fair' })
      const names = Array.from({ length: 100 }, (_, i) => `g${i}`)
      for (const name of names) await s.put(name, {}, of(name))
      if (s.store.traits.durable) await s.reopen()
      assert.deepEqual(await s.texts(1), ['g0'])
      await s.put('last', {}, of('last'))
      assert.deepEqual(await s.texts(200), [...names.slice(1), 'last'])
    },
  ],
  [
    'undone with its unit, a put has taken no turn',
    async (s) => {
      await s.policy({ groups: 'fair' })
      await s.put('b0', {}, of('b'))
      const ops: Op[] = [
        ...Array.from({ length: 5 }, (_, i) => putOp(`a${i}`, 'a')),
        { do: 'finish', job: { id: 999 } },
      ]
      await s.unit({ ops, refused: 'undo' })
      await s.put('b1', {}, of('b'))
      await s.put('a', {}, of('a'))
      assert.deepEqual(await s.texts(), ['b0', 'a', 'b1'])
    },
  ],
]
