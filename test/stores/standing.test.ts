import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { Queue, State, Where } from '../../src/job.ts'
import { Heap } from '../../src/heap.ts'
import { changeMany } from '../../src/jobs/selection.ts'
import { Machine } from '../../src/stores/machine/machine.ts'
import type { QueueRow } from '../../src/stores/machine/queue.ts'
import { statsOf } from '../../src/stores/machine/view.ts'
import { MemoryTable } from '../../src/stores/memory/table.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store } from '../../src/stores/store.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { ManualClock } from '../../src/testing/clock.ts'

const mail: Queue = 'default/mail'

/** A store, and what it keeps that is over. */
interface Kept {
  clock: ManualClock
  commit(ops: Op[]): Promise<Result[]>
  left(): { claims: number; gates: number; history: number }
  close(): Promise<void>
}

const kinds: Record<string, () => Promise<Kept>> = {
  memory: () => Promise.resolve(inMemory()),
  file: onFile,
}

function inMemory(): Kept {
  const clock = new ManualClock()
  const table = new MemoryTable()
  const machine = new Machine(table)
  const names = new Set<string>()
  const ids = new Set<number>()
  return {
    clock,
    commit(ops) {
      for (const op of ops) if (op.do === 'put') for (const name of op.msg.gates ?? []) names.add(name)
      machine.begin(clock.now())
      const results = machine.run({ ops })
      machine.end()
      table.gates.settle(clock.now())
      for (const result of results)
        if (result.ok && result.do === 'put') for (const put of result.per) if (put.ok) ids.add(put.id)
      return Promise.resolve(results)
    },
    left: () => ({
      claims: table.queue(mail)?.claims.size ?? 0,
      gates: [...names].filter((name) => table.gates.find(name)).length,
      history: [...ids].filter((id) => table.history.get(id)).length,
    }),
    close: () => Promise.resolve(),
  }
}

async function onFile(): Promise<Kept & { store: Store }> {
  const clock = new ManualClock()
  const folder = await mkdtemp(join(tmpdir(), 'queueup-housekeeping-'))
  const path = join(folder, 'jobs.db')
  const store = await openSqlite({ path, clock, durability: 'relaxed' })
  const db = new DatabaseSync(path, { readOnly: true })
  const count = (table: string) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'] as number
  return {
    store,
    clock,
    commit: async (ops) => (await store.commit([{ ops }])[0]) ?? [],
    left: () => ({ claims: count('claim'), gates: count('gate'), history: count('history') }),
    async close() {
      db.close()
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** A hundred jobs, each with a key, a window of a limit and a result of its own, all for a second. */
async function work({ commit }: Kept, first: number): Promise<void> {
  const puts = await commit(
    Array.from({ length: 100 }, (_, i) => ({
      do: 'put',
      to: [{ queue: mail, create: true }],
      msg: {
        body: Buffer.from('x'),
        unique: { key: `${first + i}`, for: 1000, on: 'keep' },
        gates: [`user/${first + i}`],
        result: 1000,
      },
    })),
  )
  const [taken] = await commit([
    { do: 'reserve', from: [mail], max: 100, bytes: 1e9, lease: { ms: 60_000, session: 's' } },
  ])
  assert.ok(puts.every((put) => put.ok))
  assert.ok(taken?.ok && taken.do === 'reserve' && taken.jobs.length === 100)
  await commit(taken.jobs.map(({ id, n }) => ({ do: 'finish', job: { id, n } })))
}

for (const [name, open] of Object.entries(kinds))
  describe(`housekeeping: ${name}`, () => {
    test('what is over leaves as fast as more comes', async () => {
      const kept = await open()
      await kept.commit([{ do: 'record', key: 'limit/user', value: { rate: { jobs: 1, per: 1000 } } }])
      for (let second = 0; second < 8; second++)
        for (let tenth = 0; tenth < 10; tenth++) {
          await kept.commit([{ do: 'due', limit: 200 }])
          for (let i = 0; i < 3; i++) await work(kept, second * 3000 + tenth * 300 + i * 100)
          kept.clock.move(100)
        }
      const { claims, gates, history } = kept.left()
      // What came in the last second, and what has come since the last look.
      for (const left of [claims, gates, history]) assert.ok(left >= 2700 && left < 5000, `${left} are left`)
      await kept.close()
    })
  })

test('on a file, what was thrown out in a transaction that was undone is thrown out soon after', async () => {
  const kept = await onFile()
  const due = () => kept.commit([{ do: 'due', limit: 100 }])
  const put = (body: unknown): Op => ({
    do: 'put',
    to: [{ queue: mail, create: true }],
    msg: { body: body as Uint8Array, result: 10_000 },
  })
  const [done] = await kept.commit([put(Buffer.from('x'))])
  assert.ok(done?.ok && done.do === 'put' && done.per[0]?.ok)
  await kept.commit([{ do: 'finish', job: { id: done.per[0].id } }])
  await due()
  kept.clock.move(11_000)
  // What can't be written is told of, and undoes what was done in its transaction: that is done again without it.
  const unwritable = new Date() as unknown as Uint8Array
  const told = await Promise.allSettled(
    kept.store.commit([{ ops: [{ do: 'due', limit: 100 }] }, { ops: [put(unwritable)] }]),
  )
  assert.deepEqual(
    told.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  const [answer] = told[0]?.status === 'fulfilled' ? told[0].value : []
  assert.ok(answer?.ok && answer.do === 'due' && answer.next !== undefined && answer.next <= kept.clock.now() + 1000)
  kept.clock.move(1000)
  await due()
  assert.equal(kept.left().history, 0)
  await kept.close()
})

test('in memory, what is due is found without a look at what is not', () => {
  const table = new MemoryTable()
  const machine = new Machine(table)
  machine.begin(0)
  for (let i = 0; i < 50_000; i++)
    machine.run({
      ops: [{ do: 'put', to: [{ queue: mail, create: true, at: 1000 + i }], msg: { body: Buffer.from('x') } }],
    })
  machine.end()
  const { push } = Heap.prototype
  let looked = 0
  Heap.prototype.push = function (item) {
    looked++
    push.call(this, item)
  }
  try {
    assert.equal(table.due(1004, 200).length, 5)
  } finally {
    Heap.prototype.push = push
  }
  assert.ok(looked < 100, `${looked} looked at`)
})

test('in memory, a unique key that is had for long is kept once, however often it changes hands', () => {
  const table = new MemoryTable()
  const machine = new Machine(table)
  const { push, remove } = Heap.prototype
  const kept = new Set<unknown>()
  Heap.prototype.push = function (item) {
    if ('key' in item) kept.add(item)
    push.call(this, item)
  }
  Heap.prototype.remove = function (item) {
    kept.delete(item)
    remove.call(this, item)
  }
  const unique = { key: 'k', for: 86_400_000, on: 'replace' } as const
  const put: Op = { do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from('x'), unique } }
  try {
    machine.begin(0)
    for (let i = 0; i < 10; i++) {
      const [first] = machine.run({ ops: [put] })
      assert.ok(first?.ok && first.do === 'put' && first.per[0]?.ok)
      const finish: Op = { do: 'finish', job: { id: first.per[0].id } }
      machine.run({ refused: 'undo', ops: [finish, put, finish] })
      machine.run({ ops: [finish] })
    }
    machine.end()
  } finally {
    Object.assign(Heap.prototype, { push, remove })
  }
  assert.equal(kept.size, 1)
})

test('a queue is emptied without a look for jobs in states in which it has none', () => {
  const table = new MemoryTable()
  const machine = new Machine(table)
  machine.begin(0)
  machine.run({ ops: [{ do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from('x') } }] })
  const looked: string[] = []
  const list = table.list.bind(table)
  table.list = (queue, state, limit, where) => {
    looked.push(state)
    return list(queue, state, limit, where)
  }
  const states: State[] = ['ready', 'reserved', 'delayed', 'buried', 'waiting']
  const [cleared] = machine.run({ ops: [{ do: 'bulk', where: { queue: mail, states }, act: 'delete', limit: 100 }] })
  machine.end()
  assert.deepEqual([cleared?.ok && cleared.do === 'bulk' && cleared.count, looked], [1, ['ready']])
})

test('in memory, each slice of a clear looks only at as many of those that wait as it takes', () => {
  const table = new MemoryTable()
  const machine = new Machine(table)
  machine.begin(0)
  const put: Op = { do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from('text'), group: 'g' } }
  machine.run({ ops: Array<Op>(20_000).fill(put) })
  let looked = 0
  const where: Where = {
    queue: mail,
    states: ['waiting'],
    get match() {
      looked++
      return 'text'
    },
  }
  const [cleared] = machine.run({ ops: [{ do: 'bulk', where, act: 'delete', limit: 100 }] })
  machine.end()
  assert.equal(cleared?.ok && cleared.do === 'bulk' && cleared.count, 100)
  assert.ok(looked < 200, `${looked} looked at`)
})

for (const state of ['ready', 'delayed', 'buried', 'waiting'] as const)
  test(`in memory, many ${state} jobs that match are changed without a look again, in each slice, at those that don't`, async () => {
    const JOBS = 5000
    const table = new MemoryTable()
    const machine = new Machine(table)
    machine.begin(0)
    const put = (name: string): Op => ({
      do: 'put',
      to: [{ queue: mail, create: true, ...(state === 'delayed' && { at: 1000 }) }],
      msg: { body: Buffer.from('text'), name, ...(state === 'waiting' && { group: name }) },
    })
    for (const name of ['stone', 'fruit']) machine.run({ ops: Array<Op>(JOBS).fill(put(name)) })
    if (state === 'buried')
      for (let id = 1; id <= 2 * JOBS; id++) machine.run({ ops: [{ do: 'bury', job: { id }, why: 'asked' }] })
    let looked = 0
    const where: Where = {
      queue: mail,
      states: state === 'waiting' ? ['ready', 'waiting'] : [state],
      get name() {
        looked++
        return 'fruit'
      },
    }
    const transport: Pick<Transport, 'stats' | 'commit'> = {
      stats: () => Promise.resolve([statsOf(table.queue(mail) as QueueRow, 0, undefined)]),
      commit: ({ ops }) => Promise.resolve(machine.run({ ops })),
    }
    assert.equal(await changeMany(transport as Transport, where, 'delete'), JOBS)
    machine.end()
    assert.ok(looked < 4 * JOBS, `${looked} looked at`)
  })

test('what is changed in slices is all of it, groups whose first job had to go before the next was ready, too', async () => {
  const GROUPS = 600
  const table = new MemoryTable()
  const machine = new Machine(table)
  machine.begin(0)
  for (let i = 0; i < GROUPS; i++) {
    const msg = { body: Buffer.from('x'), group: `${i}` }
    const put: Op = { do: 'put', to: [{ queue: mail, create: true }], msg }
    machine.run({ ops: [put, put, put] })
  }
  const transport: Pick<Transport, 'stats' | 'commit'> = {
    stats: () => Promise.resolve([statsOf(table.queue(mail) as QueueRow, 0, undefined)]),
    commit: ({ ops }) => Promise.resolve(machine.run({ ops })),
  }
  const where: Where = { queue: mail, states: ['ready', 'waiting'] }
  assert.equal(await changeMany(transport as Transport, where, 'delete'), 3 * GROUPS)
  machine.end()
})

test('a put into a full queue none of whose jobs can be dropped is refused without a look at those that wait', () => {
  const table = new MemoryTable()
  const machine = new Machine(table)
  const put: Op = { do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from('x'), group: 'g' } }
  machine.begin(0)
  machine.run({ ops: [put, put, put] })
  machine.run({ ops: [{ do: 'reserve', from: [mail], max: 1, bytes: 1e9, lease: { session: 's' } }] })
  machine.run({ ops: [{ do: 'record', key: `queue/${mail}`, value: { maxJobs: 3, overflow: 'drop' } }] })
  const looked: string[] = []
  const list = table.list.bind(table)
  table.list = (queue, state, limit, where) => {
    looked.push(state)
    return list(queue, state, limit, where)
  }
  const [refused] = machine.run({ ops: [put] })
  machine.end()
  assert.deepEqual([refused?.ok === false && refused.why, looked], ['full', []])
})

test('of many queues that are reserved from together, only that is looked at again whose job was taken', () => {
  const table = new MemoryTable()
  const machine = new Machine(table)
  const queues = Array.from({ length: 100 }, (_, i): Queue => `default/${i}`)
  const put = (queue: Queue): Op => ({ do: 'put', to: [{ queue, create: true }], msg: { body: Buffer.from('x') } })
  machine.begin(0)
  machine.run({ ops: [...queues, ...queues.slice(50), ...queues.slice(90)].map(put) })
  let looked = 0
  const head = table.head.bind(table)
  table.head = (queue) => {
    looked++
    return head(queue)
  }
  const lease = { session: 's' }
  const [taken] = machine.run({ ops: [{ do: 'reserve', from: queues, max: 155, bytes: 1e9, lease }] })
  machine.end()
  assert.ok(taken?.ok && taken.do === 'reserve')
  assert.deepEqual(
    taken.jobs.map(({ id }) => id),
    Array.from({ length: 155 }, (_, i) => i + 1),
  )
  assert.equal(looked, 100 + 154)
})
