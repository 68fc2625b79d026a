import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Holder, Leases } from '../../src/broker/leases.ts'
import type { Ref } from '../../src/job.ts'
import type { Op, ReserveOp, Result } from '../../src/stores/store.ts'
import { open, settle } from './open.ts'

function reserve(session: string, ms?: number): ReserveOp {
  return {
    do: 'reserve',
    from: ['default/a'],
    max: 1,
    bytes: 1000,
    lease: { session, ...(ms !== undefined && { ms }) },
  }
}

describe('the leases of a session', () => {
  it('are those that it reserved and has not given back', async () => {
    const { session, put, clock } = await open()
    const one = session()
    const ids = [await put(one), await put(one), await put(one), await put(one), await put(one)]
    await one.commit({ ops: [1000, 2000, 3000, 4000, undefined].map((ms) => reserve(one.id, ms)) })
    assert.equal(one.soonest(), clock.now() + 1000)
    assert.deepEqual(
      [...one.holds()].map((lease) => lease.id),
      ids,
    )

    const [a, b, c, d, e] = ids as [number, number, number, number, number]
    await one.commit({
      ops: [
        { do: 'finish', job: { id: a, held: one.id } },
        { do: 'bury', job: { id: c, held: one.id }, why: 'asked' },
      ],
    })
    await one.commit({ ops: [{ do: 'touch', job: { id: b, held: one.id }, ms: 9000 }] })
    assert.deepEqual(
      [...one.holds()].map((lease) => lease.id),
      [d, b, e],
    )
    assert.deepEqual(one.held(b), one.held(b))
    assert.equal(one.held(a), undefined)
    await one.commit({ ops: [{ do: 'release', job: { id: d, n: one.held(d)?.n ?? 0 }, as: 'asked' }] })
    assert.equal(one.soonest(), clock.now() + 9000)
    assert.equal(session().held(b), undefined)
  })

  it('are lost at their deadline, and it is told', async () => {
    const { session, put, move } = await open()
    const one = session()
    const lost: unknown[] = []
    one.lost((lease) => lost.push(lease))
    const id = await put(one)
    await one.commit({ ops: [reserve(one.id, 1000)] })
    const n = one.held(id)?.n
    await move(999)
    assert.deepEqual(lost, [])
    await move(1)
    assert.deepEqual(lost, [{ id, n, why: 'timeout' }])
    assert.equal(one.held(id), undefined)
    assert.equal(one.soonest(), undefined)
  })

  it('are lost by force, also in the commit that gave them', async () => {
    const { session, put } = await open()
    const [one, other] = [session(), session()]
    const lost: string[] = []
    one.lost(({ why }) => lost.push(why))
    const id = await put(one)
    await Promise.all([
      one.commit({ ops: [reserve(one.id)] }),
      other.commit({ ops: [{ do: 'finish', job: { id, force: true } }] }),
    ])
    await settle()
    assert.deepEqual([one.held(id), lost], [undefined, ['forced']])
  })

  it('that ran out before they were answered are none', async () => {
    const { session, put, store, clock } = await open()
    const one = session()
    const id = await put(one)
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const reserved = one.commit({ ops: [reserve(one.id, 1000)] })
    await settle()
    store.gate = undefined
    clock.move(1000)
    await settle()
    answer()
    assert.equal((await reserved)[0]?.ok, true)
    assert.deepEqual([one.held(id), one.soonest()], [undefined, undefined])
  })

  it('go on when the job is cancelled, but it is told', async () => {
    const { session, put } = await open()
    const one = session()
    const lost: string[] = []
    one.lost(({ why }) => lost.push(why))
    const id = await put(one)
    await one.commit({ ops: [reserve(one.id)] })
    await session().commit({ ops: [{ do: 'cancel', job: id }] })
    await settle()
    assert.deepEqual(lost, ['cancelled'])
    assert.equal(one.held(id)?.id, id)
  })

  it('of lines are its own, too, unless they are not bound to it', async () => {
    const { session, put, line } = await open()
    const one = session()
    const ids = [await put(one), await put(one)]
    line(one)
    await settle()
    line(one, { lease: { ms: 1000, bound: false } })
    await settle()
    assert.deepEqual(
      [...one.holds()].map((lease) => lease.id),
      ids.slice(0, 1),
    )
  })

  it('end with it: as lost they count a failure, as released they do not', async () => {
    const { session, put, broker } = await open()
    for (const [as, failures] of [
      ['released', 0],
      ['lost', 1],
    ] as const) {
      const one = session()
      const id = await put(one, 'x', { queue: `default/${as}` })
      await one.commit({ ops: [{ ...reserve(one.id), from: [`default/${as}`] }] })
      await one.close(as)
      const { jobs } = await session().look({ id, limit: 1 })
      assert.deepEqual([jobs[0]?.state, jobs[0]?.failures], [as === 'lost' ? 'delayed' : 'ready', failures])
    }
    await broker.close()
  })

  it('stay its own when it asks for what only jobs that nobody holds can have', async () => {
    const { session, put, move } = await open()
    const one = session()
    const lost: string[] = []
    one.lost(({ why }) => lost.push(why))
    const id = await put(one)
    await one.commit({ ops: [reserve(one.id, 1000)] })
    const refused = await one.commit({
      ops: [
        { do: 'release', job: { id }, as: 'kicked' },
        { do: 'finish', job: { id } },
      ],
    })
    assert.deepEqual([refused.map(({ ok }) => ok), one.held(id)?.id], [[false, false], id])
    await move(1000)
    assert.deepEqual(lost, ['timeout'])
  })

  it('stay its own where what it asked for was left out, because a reserve before it found nothing', async () => {
    const { session, put, clock } = await open()
    const one = session()
    const id = await put(one)
    const job = { id, held: one.id }
    const ops = [reserve(one.id, 1000), reserve(one.id), { do: 'touch' as const, job, ms: 9000 }]
    const results = await one.commit({ ops, refused: 'skip' })
    assert.deepEqual([results.at(-1), one.soonest()], [{ ok: false, why: 'skipped' }, clock.now() + 1000])
  })

  it('are over when the store says so of what it asks, though nobody has told it', async () => {
    const { session, put, store } = await open()
    const [one, other] = [session(), session()]
    const lost: string[] = []
    one.lost(({ why }) => lost.push(why))
    store.deaf = true
    const ops = (job: Ref): Op[] => [
      { do: 'touch', job, ms: 1000 },
      { do: 'finish', job },
      { do: 'release', job, as: 'asked' },
      { do: 'bury', job, why: 'asked' },
      { do: 'forward', job, to: [], why: 'asked' },
    ]
    const force = async (op: Op) => (await store.inner.commit([{ ops: [op] }])[0])?.[0]
    for (const why of ['gone', 'stale', 'not held'])
      for (let i = 0; i < 5; i++) {
        const id = await put(one)
        await one.commit({ ops: [reserve(one.id)] })
        const n = one.held(id)?.n ?? 0
        const job = why === 'not held' ? { id, held: one.id } : { id, n }
        if (why === 'gone') await force({ do: 'finish', job: { id, force: true } })
        else {
          await force({ do: 'release', job: { id, force: true }, as: 'asked' })
          await force({ ...reserve(other.id), from: id })
        }
        const op = ops(job)[i] as Op
        assert.deepEqual(await one.commit({ ops: [op] }), [{ ok: false, why }])
        assert.deepEqual([one.held(id), one.soonest(), lost], [undefined, undefined, []], `${op.do}: ${why}`)
        if (why !== 'gone') await force({ do: 'finish', job: { id, force: true } })
      }
  })

  it('of the same job that was taken again are others', async () => {
    const { session, put, store } = await open()
    const one = session()
    const id = await put(one)
    await one.commit({ ops: [reserve(one.id)] })
    const n = one.held(id)?.n ?? 0
    await one.commit({ ops: [{ do: 'release', job: { id, n }, as: 'asked' }, reserve(one.id)] })
    store.hint({ ended: [{ id, n, why: 'timeout' }] })
    assert.equal(one.held(id)?.id, id)
  })

  it('are none of jobs that are gone at once', async () => {
    const { session, put } = await open()
    const one = session()
    const id = await put(one)
    const [result] = await one.commit({ ops: [{ ...reserve(one.id), gone: true }] })
    assert.deepEqual([result?.ok, one.held(id)], [true, undefined])
  })

  it('are not lost by its end, also where who gets the job next hears of it first', async () => {
    const { session, put, line, store } = await open()
    const [one, other] = [session(), session()]
    const lost: string[] = []
    one.lost(({ why }) => lost.push(why))
    const id = await put(one)
    await one.commit({ ops: [reserve(one.id)] })
    const next = line(other)
    await settle()
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const closed = one.close('released')
    await settle()
    answer()
    await closed
    await settle()
    assert.deepEqual([next.jobs.map((job) => job.id), lost], [[id], []])
    assert.equal(other.held(id)?.id, id)
  })

  it('stay its own where what came before them waits longer for the disk', async () => {
    const { session, put, line, store } = await open()
    const [one, other] = [session(), session()]
    const lost: string[] = []
    for (const each of [one, other]) each.lost(({ why }) => lost.push(why))
    const id = await put(one)
    const commit = store.commit.bind(store)
    const held = { id, held: one.id }
    for (const op of [
      { do: 'release', job: held, as: 'asked' },
      { do: 'release', job: { id }, as: 'kicked' },
    ] as const) {
      await one.commit({ ops: [reserve(one.id, 60_000)] })
      if (op.job !== held) await one.commit({ ops: [{ do: 'bury', job: held, why: 'asked' }] })
      const next = line(other)
      await settle()
      let sync = () => {}
      const synced = new Promise<void>((resolve) => (sync = resolve))
      store.commit = (units) =>
        commit(units).map((answer, i) => (units[i]?.unsynced ? answer : synced.then(() => answer)))
      const released = one.commit({ ops: [op] })
      await settle()
      assert.deepEqual(
        next.jobs.map((job) => job.id),
        [id],
      )
      sync()
      await released
      assert.deepEqual([one.held(id), other.held(id)?.id, lost], [undefined, id, []])
      store.commit = commit
      await other.commit({ ops: [{ do: 'release', job: { id, held: other.id }, as: 'asked' }] })
    }
  })

  it('know the soonest deadline, whatever happens', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20), fc.constantFrom('reserve', 'touch', 'finish', 'ended'), fc.nat(1000)), {
          maxLength: 60,
        }),
        (steps) => {
          const leases = new Leases(() => -1)
          const holder = new Holder('s', () => {})
          const model = new Map<number, number>()
          let n = 0
          for (const [id, what, until] of steps) {
            if (what === 'reserve') {
              const job = { id, n: ++n, until } as never
              leases.learn([reserve('s')], [{ ok: true, do: 'reserve', jobs: [job], dead: [] }], holder)
              model.set(id, until)
            } else if (what === 'touch') {
              const result: Result = { ok: true, do: 'touch', until }
              leases.learn([{ do: 'touch', job: { id, held: 's' }, ms: 1 }], [result], holder)
              if (model.has(id)) model.set(id, until)
            } else {
              if (what === 'finish')
                leases.learn([{ do: 'finish', job: { id, held: 's' } }], [{ ok: true, do: 'finish' }], holder)
              else leases.ended(id, leases.get(id)?.n ?? 0, 'timeout')
              model.delete(id)
            }
            assert.equal(holder.leases.first?.until, model.size > 0 ? Math.min(...model.values()) : undefined)
            assert.deepEqual([...holder.leases].map((lease) => lease.id).sort(), [...model.keys()].sort())
          }
        },
      ),
    )
  })
})
