/** A put in one process against a reserve that begins to wait in another, with nothing but the bell to wake it. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../crash/child.ts'
import type { Report } from '../crash/worker.ts'

const RACES = 2000 * Number(process.env['QUEUEUP_LONG'] ?? 1)

let folder: string
let file: string
let waiter: Child

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queueup-wake-'))
  file = join(folder, 'jobs.db')
  waiter = await Child.start(file)
})
after(async () => {
  await waiter.end()
  await rm(folder, { recursive: true })
})

/** Fails by the test's own deadline, should it never come. */
function delivered(race: number): Promise<Report> {
  return waiter.report((report) => 'delivered' in report && report.delivered === race)
}

test(`${RACES} races, none of them hangs`, { timeout: 60_000 * Math.max(1, RACES / 2000) }, async () => {
  const putter = await Child.start(file)
  for (let race = 0; race < RACES; race++) {
    const arrival = delivered(race)
    const acknowledged = putter.report((report) => 'put' in report)
    if (race % 2 === 0) waiter.tell({ wait: race })
    putter.tell({ put: `race ${race}` })
    if (race % 2 === 1) waiter.tell({ wait: race })
    await Promise.all([arrival, acknowledged])
  }
  await putter.end()
})

test('a process that has just opened the file wakes one that waits since long', { timeout: 20_000 }, async () => {
  const arrival = delivered(-1)
  waiter.tell({ wait: -1 })
  await sleep(50)
  const newcomer = await Child.start(file)
  newcomer.tell({ put: 'from a newcomer' })
  const report = await arrival
  assert.ok('key' in report && report.key === 'from a newcomer')
  await newcomer.end()
})

test('what a dead process held comes to one that waits, within a second', { timeout: 20_000 }, async () => {
  const holder = await Child.start(file)
  holder.tell({ put: 'held' })
  await holder.report((report) => 'put' in report)
  holder.tell({ hold: 600_000 })
  await holder.report((report) => 'took' in report && report.took.length === 1)
  const arrival = delivered(-2)
  waiter.tell({ wait: -2 })
  await sleep(100)
  const killed = performance.now()
  await holder.kill()
  const report = await arrival
  assert.ok('key' in report && report.key === 'held')
  assert.ok(performance.now() - killed < 1000, `it took ${performance.now() - killed} ms`)
})

test('what a stopped process holds stays until its own deadline', { timeout: 20_000 }, async () => {
  const holder = await Child.start(file)
  holder.tell({ put: 'stopped' })
  await holder.report((report) => 'put' in report)
  holder.tell({ hold: 1500 })
  await holder.report((report) => 'took' in report && report.took.length === 1)
  const taken = performance.now()
  holder.process.kill('SIGSTOP')
  const arrival = delivered(-3)
  waiter.tell({ wait: -3 })
  await arrival
  assert.ok(performance.now() - taken > 1400, 'it was taken away while the lease held')
  holder.process.kill('SIGCONT')
  await holder.end()
})
