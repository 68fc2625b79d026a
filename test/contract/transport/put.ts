import assert from 'node:assert/strict'
import { putOf, refOf, text } from './subject.ts'
import type { Case } from '../transport-contract.ts'

const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

export const put: Case[] = [
  [
    'a job is put, taken and finished; its body is what it was, byte by byte',
    async (s) => {
      for (const body of [Buffer.alloc(0), Buffer.from('\r\n'), Buffer.concat([every, every])]) {
        const id = await s.put(body)
        const job = await s.takeOne()
        assert.equal(job.id, id)
        assert.equal(job.queue, s.queue)
        assert.ok(Buffer.from(job.body).equals(body))
        await s.ok({ do: 'finish', job: refOf(job) })
        assert.equal(await s.state(id), 'gone')
      }
    },
  ],
  [
    'the more urgent first, and of equals the one put first',
    async (s) => {
      for (const [name, pri] of [
        ['c', 10],
        ['a', 0],
        ['d', 10],
        ['e', 4_294_967_295],
        ['b', 1],
      ] as const)
        await s.put(name, { pri })
      assert.deepEqual(await s.texts(), ['a', 'b', 'c', 'd', 'e'])
    },
  ],
  [
    'a delayed one is not there before its time, and comes then',
    async (s) => {
      const at = s.transport.now() + 1000
      const id = await s.put('x', { at })
      assert.equal(await s.state(id), 'delayed')
      assert.deepEqual(await s.take(), [])
      assert.equal((await s.takeOne()).id, id)
      assert.ok(s.transport.now() >= at)
    },
  ],
  [
    'a large body arrives whole, and one that is too large is refused',
    async (s) => {
      const body = Buffer.alloc(s.kind.maxBody ?? 3_000_000, every)
      await s.put(body)
      assert.ok(Buffer.from((await s.takeOne()).body).equals(body))
      if (s.kind.maxBody === undefined) return
      const over = putOf(await s.op(s.putOp(Buffer.alloc(s.kind.maxBody + 1))))
      assert.deepEqual(over.ok ? over : over.why, 'too big')
      await s.put('the connection goes on')
      assert.deepEqual(await s.texts(), ['the connection goes on'])
    },
  ],
  [
    'a thousand in one unit: each has its answer, and they come in that order',
    async (s) => {
      const names = Array.from({ length: 1000 }, (_, i) => `${i}`)
      const results = await s.unit({ ops: names.map((name) => s.putOp(name)) })
      const ids = results.map((result) => {
        const put = putOf(result)
        assert.ok(put.ok)
        return put.id
      })
      const taken: string[] = []
      while (taken.length < 1000) {
        const jobs = await s.take(300)
        assert.ok(jobs.length > 0 && jobs.length <= 300, `${jobs.length} came at once`)
        for (const job of jobs) assert.equal(job.id, ids[Number(text(job.body))])
        taken.push(...jobs.map((job) => text(job.body)))
        const done = await s.unit({ ops: jobs.map((job) => ({ do: 'finish', job: refOf(job) })) })
        assert.ok(done.every((result) => result.ok))
      }
      assert.deepEqual(taken, names)
      assert.deepEqual(await s.take(), [])
    },
  ],
  [
    'puts for several queues, called side by side, each go to their own',
    async (s) => {
      const queues = [s.queue, s.other, s.queue, s.other]
      await Promise.all(queues.map((queue, i) => s.put(`${i}`, { queue })))
      assert.deepEqual((await s.texts()).sort(), ['0', '2'])
      const others = await s.take(9, [s.other])
      assert.deepEqual(others.map((job) => text(job.body)).sort(), ['1', '3'])
    },
  ],
]
