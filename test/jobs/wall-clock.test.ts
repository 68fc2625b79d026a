/** The wall clock is set to another hour while jobs are held and wait. Deadlines run on the machine's steady clock. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { after, test, type TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createBroker, defineJobs, job, open, openStore, RetryLater, type Op, type Result } from '../../src/index.ts'
import type { Queue, Reserved, State, Terms } from '../../src/job.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const STATES: State[] = ['ready', 'delayed', 'reserved']
const mail: Queue = 'default/mail'

const folder = mkdtempSync(join(tmpdir(), 'queueup-wall-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

/** A store with jobs that wait for each kind of deadline. */
async function place(t: TestContext, url: string) {
  const store = await openStore(url)
  const broker = createBroker({ store })
  t.after(() => broker.close())
  const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
  const one = async (op: Op): Promise<Result> => {
    const [result] = await session.commit({ ops: [op] })
    assert.ok(result?.ok, JSON.stringify(result))
    return result
  }
  const put = async (to: object): Promise<number> => {
    const result = await one({ do: 'put', to: [{ queue: mail, create: true, ...to }], msg: { body: Buffer.from('x') } })
    assert.ok(result.ok && result.do === 'put' && result.per[0]?.ok)
    return result.per[0].id
  }
  const held = await put({})
  const take = async (lease: Terms): Promise<Reserved> => {
    const taken = await one({ do: 'reserve', from: [mail], max: 1, bytes: 1e6, lease })
    assert.ok(taken.ok && taken.do === 'reserve' && taken.jobs[0])
    return taken.jobs[0]
  }
  const { n } = await take({ ms: 10 * MINUTE, session: 'held' })
  await put({ at: broker.now() + 10 * MINUTE })
  await put({ ttl: 10 * MINUTE, pri: 9 })
  const states = async (): Promise<State[]> => {
    await one({ do: 'due', limit: 100 })
    const { jobs } = await store.look({ where: { queue: mail, states: STATES }, order: 'id', limit: 10 })
    return jobs.map(({ state }) => state)
  }
  const finish = () => one({ do: 'finish', job: { id: held, n } })
  return { broker, put, take, states, finish }
}

/** The wall clock of this process shows another time from now on. */
function setWall(t: TestContext, by: number): void {
  const now = Date.now
  t.mock.method(Date, 'now', () => now.call(Date) + by)
}

for (const by of [HOUR, -HOUR])
  for (const kind of ['memory:', 'file:']) {
    const moved = `${by > 0 ? 'forward' : 'back'} by an hour`

    test(`${kind} the wall clock is set ${moved}: nothing ends early, and what is short ends in its time`, async (t) => {
      const url = `file:${join(folder, `${++files}.db`)}`
      const at = await place(t, kind === 'file:' ? url : kind)
      const [before, system] = [at.broker.now(), systemClock.now()]
      setWall(t, by)
      for (const passed of [at.broker.now() - before, systemClock.now() - system])
        assert.ok(passed >= 0 && passed < MINUTE, `${passed} ms`)
      assert.deepEqual(await at.states(), ['reserved', 'delayed', 'ready'])
      // What begins after the jump is as long as it says, and comes by itself.
      const soon = await at.put({ at: at.broker.now() + 100, pri: 0 })
      while ((await at.states())[3] === 'delayed') await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal((await at.take({ session: 'next' })).id, soon)
      await at.finish()
      assert.deepEqual(await at.states(), ['delayed', 'ready', 'reserved'])
    })
  }

for (const by of [HOUR, -HOUR])
  test(`file: a process that starts after the wall clock was set ${by > 0 ? 'forward' : 'back'} agrees with those that run`, async (t) => {
    const url = `file:${join(folder, `${++files}.db`)}`
    const at = await place(t, url)
    const child = `
      const now = Date.now
      Date.now = () => now.call(Date) + ${by}
      const { openStore, createBroker } = await import(${JSON.stringify(String(pathToFileURL(join(import.meta.dirname, '../../src/index.ts'))))})
      const store = await openStore(${JSON.stringify(url)})
      const broker = createBroker({ store })
      const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
      const to = [{ queue: 'default/mail', at: broker.now() + ${10 * MINUTE} }]
      await session.commit({ ops: [{ do: 'due', limit: 100 }, { do: 'put', to, msg: { body: Buffer.from('x') } }] })
      console.log(broker.now())
      await broker.close()`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', child], { encoding: 'utf8' })
    const theirs = Number(stdout)
    assert.ok(theirs > 0, stderr)
    assert.ok(Math.abs(at.broker.now() - theirs) < MINUTE, `${at.broker.now() - theirs} ms`)
    assert.deepEqual(await at.states(), ['reserved', 'delayed', 'ready', 'delayed'])
  })

const jobs = defineJobs({ later: job(), asks: job() })

for (const by of [HOUR, -HOUR])
  for (const kind of ['memory:', 'file:'])
    test(`${kind} a Date that is given is a moment of the wall clock, also after that was set ${by > 0 ? 'forward' : 'back'}`, async (t) => {
      const queue = await open(kind === 'file:' ? `file:${join(folder, `${++files}.db`)}` : kind, { jobs })
      t.after(() => queue.close())
      const started = queue.put('later', undefined, { delay: '1h' })
      const { putAt } = (await queue.get((await started).id)) ?? {}
      setWall(t, by)
      // Of the queue's own clock, which goes on as it went: what lies between two of its moments is as long as it says.
      const soon = (at: Date | undefined) => {
        const wait = Number(at) - Number(putAt)
        assert.ok(wait > 9 * MINUTE && wait < 11 * MINUTE, `${wait / MINUTE} minutes`)
      }
      const inTen = () => new Date(Date.now() + 10 * MINUTE)
      const { id } = await queue.put('later', undefined, { delay: inTen() })
      soon((await queue.get(id))?.dueAt)
      await queue.update((await started).id, { delay: inTen() })
      soon((await queue.get((await started).id))?.dueAt)
      await queue.pause('later', inTen())
      soon((await queue.counts(['later']))[0]?.pausedUntil)
      const retried = new Promise<Date>((resolve) => queue.on('retried', ({ at }) => resolve(at)))
      queue.work({
        asks() {
          throw new RetryLater(inTen())
        },
      })
      await queue.put('asks')
      soon(await retried)
    })
