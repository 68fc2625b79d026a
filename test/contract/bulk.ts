import assert from 'node:assert/strict'
import type { State } from '../../src/job.ts'
import type { BulkOp, SliceEnd } from '../../src/stores/store.ts'
import { mail, other, text } from './subject.ts'
import type { Case } from './store-contract.ts'

export const bulk: Case[] = [
  [
    'works in slices, says whether there is more, and stops at the highest id given',
    async (s) => {
      for (let i = 0; i < 5; i++) await s.put('x')
      const upTo = await s.put('last')
      await s.put('later')
      const slice = () =>
        s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['ready'], upTo }, act: 'delete', limit: 4 })
      assert.deepEqual([(await slice()).count, (await slice()).more], [4, false])
      assert.deepEqual(await s.texts(), ['later'])
    },
  ],
  [
    'deletes those that wait in slices, whatever their group and priority',
    async (s) => {
      const ids: number[] = []
      for (const group of ['a', 'b', 'a', 'b', 'a']) ids.push(await s.put('x', { pri: 9 - ids.length }, { group }))
      const slice = () =>
        s.ok<'bulk'>({
          do: 'bulk',
          where: { queue: mail, states: ['waiting'], upTo: ids[3] as number },
          act: 'delete',
          limit: 1,
        })
      assert.deepEqual([(await slice()).more, (await slice()).more, (await slice()).count], [true, false, 0])
      assert.deepEqual(await Promise.all(ids.map((id) => s.state(id))), ['ready', 'ready', 'gone', 'gone', 'waiting'])
    },
  ],
  [
    'deletes reserved jobs only where they are named',
    async (s) => {
      const id = await s.put('x')
      await s.take()
      const clear = (states: ('ready' | 'reserved')[]) =>
        s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states }, act: 'delete', limit: 9 })
      assert.equal((await clear(['ready'])).count, 0)
      assert.equal((await clear(['reserved'])).count, 1)
      assert.equal(await s.state(id), 'gone')
    },
  ],
  [
    'moves to another queue, and retries with the counters set back',
    async (s) => {
      const id = await s.put('x', {}, { maxFailures: 1 })
      const { n } = await s.takeOne()
      await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed' })
      assert.equal(
        (await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried'] }, act: 'retry', limit: 9 })).count,
        1,
      )
      assert.equal((await s.view(id))?.failures, 0)
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['ready'] }, act: { to: other }, limit: 9 })
      assert.equal((await s.takeOne([other])).id, id)
    },
  ],
  [
    'moves a delayed job with its delay',
    async (s) => {
      const at = s.now + 1000
      const id = await s.put('x', { at })
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['delayed'] }, act: { to: other }, limit: 9 })
      const view = await s.view(id)
      assert.deepEqual([view?.queue, view?.state, view?.at, view?.delay], [other, 'delayed', at, at - s.now])
      s.clock.move(1000)
      assert.equal((await s.takeOne([other])).id, id)
    },
  ],
  [
    'moves a group in its order, whatever the states of its jobs, in slices, too',
    async (s) => {
      const states: State[] = ['waiting', 'ready', 'delayed']
      for (const limit of [9, 2, 1]) {
        await s.put('a1', { at: s.now + 1000 }, { group: 'a' })
        for (const body of ['a2', 'a3']) await s.put(body, {}, { group: 'a' })
        await s.put('b1', {}, { group: 'b' })
        await s.put('b2', { pri: 9 }, { group: 'b' })
        await s.put('b3', { pri: 1 }, { group: 'b' })
        let count = 0
        for (let more = true; more;) {
          const answer = await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states }, act: { to: other }, limit })
          count += answer.count
          more = answer.more
        }
        assert.equal(count, 6)
        s.clock.move(1000)
        const order: string[] = []
        for (let i = 0; i < 6; i++) {
          const job = await s.takeOne([other])
          order.push(text(job.body))
          await s.finish(job.id, job.n)
        }
        const of = (group: string) => order.filter((one) => one.startsWith(group)).join(' ')
        assert.deepEqual([of('a'), of('b')], ['a1 a2 a3', 'b1 b2 b3'], `by ${limit}`)
      }
    },
  ],
  [
    'of a queue that is not there does nothing',
    async (s) => {
      assert.equal(
        (await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['ready'] }, act: 'delete', limit: 1 })).count,
        0,
      )
    },
  ],
  [
    'kicks count a kick each, and only the jobs of the name and text that are asked for',
    async (s) => {
      const a = await s.put('apples', {}, { name: 'fruit' })
      const b = await s.put('stones', {}, { name: 'rock' })
      for (const id of [a, b]) await s.ok<'bury'>({ do: 'bury', job: { id }, why: 'asked' })
      const kick = (where: object) =>
        s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried'], ...where }, act: 'kick', limit: 9 })
      assert.equal((await kick({ name: 'fruit', match: 'stones' })).count, 0)
      assert.equal((await kick({ name: 'fruit' })).count, 1)
      assert.deepEqual([await s.state(a), await s.state(b)], ['ready', 'buried'])
      assert.equal((await s.view(a))?.counts.kicks, 1)
    },
  ],
  [
    'of reserved jobs takes those first whose lease ends first',
    async (s) => {
      const ids = [await s.put('a'), await s.put('b'), await s.put('c')]
      for (const [i, ms] of [3000, 1000, 2000].entries()) await s.take(1, ids[i], { ms })
      const where = { queue: mail, states: ['reserved' as const] }
      await s.ok<'bulk'>({ do: 'bulk', where, act: 'delete', limit: 2 })
      assert.deepEqual(await Promise.all(ids.map((id) => s.state(id))), ['reserved', 'gone', 'gone'])
    },
  ],
  [
    'goes on where the slice before ended, over the states that are asked for',
    async (s) => {
      const states: State[] = ['delayed', 'ready', 'buried', 'waiting']
      const put = async (name: string) => {
        for (const pri of [2, 1]) await s.put('x', { pri }, { name })
        for (const ms of [2000, 1000]) await s.put('x', { at: s.now + ms }, { name })
        for (const as of ['first', 'second'])
          await s.ok<'bury'>({ do: 'bury', job: { id: await s.put(as, {}, { name }) }, why: 'asked' })
      }
      for (const name of ['stone', 'fruit', 'stone']) await put(name)
      for (const name of ['fruit', 'stone', 'fruit']) await s.put('x', {}, { name, group: 'g' })
      for (const [act, limit, total] of [
        [{ to: other }, 1, 8],
        ['delete', 2, 13],
      ] as const) {
        const where = { queue: mail, states, name: act === 'delete' ? 'stone' : 'fruit' }
        let count = 0
        let after: SliceEnd | undefined
        for (let slices = 0; slices < 20; slices++) {
          const slice = await s.ok<'bulk'>({ do: 'bulk', where, act, limit, ...(after && { after }) })
          count += slice.count
          assert.equal(slice.after !== undefined, slice.more)
          if (!slice.more) break
          ;({ after } = slice)
        }
        assert.equal(count, total)
      }
    },
  ],
  [
    'going on, passes over what has come in before, and a kick stays with the state that it has begun with',
    async (s) => {
      const ids: number[] = []
      for (let i = 0; i < 3; i++) ids.push(await s.put('x', { pri: 5 }))
      const clear = (rest: Pick<BulkOp, 'limit' | 'after'>) =>
        s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['ready'] }, act: 'delete', ...rest })
      const first = await clear({ limit: 1 })
      assert.equal(first.after?.id, ids[0])
      const before = await s.put('x', { pri: 4 })
      const second = await clear({ limit: 9, after: first.after as SliceEnd })
      assert.deepEqual([second.count, second.more, second.after], [2, false, undefined])
      assert.equal(await s.state(before), 'ready')

      const delayed = await s.put('x', { at: s.now + 1000 })
      for (let i = 0; i < 2; i++)
        await s.ok<'bury'>({ do: 'bury', job: { id: await s.put('x', { at: s.now + 1000 }) }, why: 'asked' })
      const kick = (rest: Pick<BulkOp, 'limit' | 'after'>) =>
        s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried', 'delayed'] }, act: 'kick', ...rest })
      const { after } = await kick({ limit: 1 })
      assert.ok(after)
      assert.deepEqual([(await kick({ limit: 9, after })).count, (await kick({ limit: 9, after })).count], [1, 0])
      assert.equal(await s.state(delayed), 'delayed')
    },
  ],
]
