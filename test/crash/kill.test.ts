/** kill -9 at random moments, several writers and takers on one file: nothing acknowledged is lost, nothing deleted comes back, nobody has what another has. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.ts'
import type { Report } from './worker.ts'

const ROUNDS = 20 * Number(process.env['QUEUEUP_LONG'] ?? 1)
const IN_FLIGHT = 16
/** What isn't there after so long isn't coming, in milliseconds. */
const COME_BACK = 10_000

interface Job {
  key: string
  id?: number
  fence: number
  /** Who holds it now, as far as the log tells. */
  holder?: Child
  finishing: boolean
  finished: boolean
}

/** What was asked and answered, by the process that isn't killed. */
class Log {
  readonly attempted = new Set<string>()
  readonly acknowledged = new Map<string, number>()
  readonly jobs = new Map<number, Job>()
  readonly faults: string[] = []
  finished = 0

  put({ put: key, id, error }: Extract<Report, { put: string }>): void {
    if (error !== undefined) this.faults.push(`a put failed: ${error}`)
    if (id !== undefined) this.acknowledged.set(key, id)
  }

  took(child: Child, { took, error }: Extract<Report, { took: object }>, drain = false): void {
    if (error !== undefined) this.faults.push(`a reserve failed: ${error}`)
    for (const { id, n, key } of took) {
      const job = this.jobs.get(id) ?? { key, id, fence: 0, finishing: false, finished: false }
      this.jobs.set(id, job)
      if (!this.attempted.has(key)) this.faults.push(`job ${id} was never put`)
      if (job.key !== key) this.faults.push(`job ${id} was '${job.key}' and is '${key}'`)
      if (job.finished) this.faults.push(`job ${id} came back after its finish was acknowledged`)
      if (job.holder && !job.holder.dead && job.holder !== child) this.faults.push(`job ${id} has two live leases`)
      if (n <= job.fence) this.faults.push(`the fence of job ${id} went from ${job.fence} to ${n}`)
      Object.assign(job, { fence: n, holder: child, finishing: drain })
    }
  }

  done({ finished: id, ok, why, error }: Extract<Report, { finished: number }>): void {
    const job = this.jobs.get(id)
    if (!job) return
    if (!ok) this.faults.push(`the holder of job ${id} could not finish it: ${why ?? error}`)
    job.finished = ok
    delete job.holder
    this.finished++
  }

  /** After all jobs were drained: who is missing, who is there twice. */
  lost(): string[] {
    const keys = [...this.jobs.values()].map((job) => job.key)
    const twice = keys.filter((key, i) => keys.indexOf(key) !== i)
    const missing = [...this.acknowledged].filter(([key]) => !keys.includes(key)).map(([key]) => key)
    return [...twice.map((key) => `${key} is there twice`), ...missing.map((key) => `${key} is lost`)]
  }
}

async function withFile(run: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-kill-'))
  try {
    await run(join(folder, 'jobs.db'))
  } finally {
    await rm(folder, { recursive: true, maxRetries: 5 })
  }
}

let keys = 0

function startWriting(child: Child, log: Log): void {
  const put = (): void => {
    const key = `job ${++keys}`
    log.attempted.add(key)
    child.tell({ put: key })
  }
  child.hear((report) => {
    if (!('put' in report)) return
    log.put(report)
    if (!stopped) put()
  })
  for (let i = 0; i < IN_FLIGHT; i++) put()
}

function startTaking(child: Child, log: Log): void {
  let last = 0
  child.hear((report) => {
    if ('took' in report) {
      log.took(child, report)
      for (const { id, n, reserves } of report.took) {
        // Of jobs that nobody had before, each taker gets later ones later.
        if (reserves === 1) {
          if (id < last) log.faults.push(`job ${id} came after job ${last}`)
          last = id
        }
        ;(log.jobs.get(id) as Job).finishing = true
        child.tell({ finish: { id, n } })
      }
    }
    if ('finished' in report) log.done(report)
    if (!stopped && ('finished' in report || ('took' in report && report.took.length === 0)))
      setTimeout(() => child.tell({ take: 4 }), 1)
  })
  child.tell({ take: 4 })
}

let stopped = false

/** Takes all that the file has. The leases of the dead come back in slices, each after its own sync: one that finds nothing may have come between two. */
async function drain(file: string, log: Log): Promise<void> {
  const child = await Child.start(file)
  const db = new DatabaseSync(file, { readOnly: true })
  const left = db.prepare('SELECT count(*) AS jobs FROM job')
  const end = performance.now() + COME_BACK
  let taken = 0
  do {
    child.tell({ take: 1000 })
    const report = await child.report((one): one is Extract<Report, { took: object }> => 'took' in one)
    log.took(child, report, true)
    taken += report.took.length
  } while (taken < Number(left.get()?.['jobs']) && performance.now() < end)
  db.close()
  await child.end()
}

test(`${ROUNDS} kills among two writers and two takers`, { timeout: 120_000 * Math.max(1, ROUNDS / 20) }, async () => {
  await withFile(async (file) => {
    stopped = false
    const log = new Log()
    const roles = [startWriting, startTaking, startWriting, startTaking]
    const children = await Promise.all(roles.map(() => Child.start(file)))
    children.forEach((child, i) => roles[i]?.(child, log))
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(20 + Math.random() * 150)
      const i = Math.floor(Math.random() * children.length)
      await (children[i] as Child).kill()
      const next = await Child.start(file)
      children[i] = next
      roles[i]?.(next, log)
    }
    stopped = true
    await sleep(200)
    await Promise.all(children.map((child) => child.kill()))
    await drain(file, log)
    assert.deepEqual(log.faults, [])
    assert.deepEqual(log.lost(), [])
    assert.ok(log.acknowledged.size > 20 * ROUNDS, `only ${log.acknowledged.size} puts were acknowledged`)
    assert.ok(log.finished > 5 * ROUNDS, `only ${log.finished} jobs were finished`)
    const db = new DatabaseSync(file)
    assert.deepEqual({ ...db.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' })
    db.close()
  })
})

test('the same checks find a loss where a worker answers before the disk has it', { timeout: 60_000 }, async () => {
  await withFile(async (file) => {
    stopped = true
    const log = new Log()
    const liar = await Child.start(file, 'lying')
    startWriting(liar, log)
    while (log.acknowledged.size < IN_FLIGHT) await sleep(1)
    await liar.kill()
    await drain(file, log)
    assert.ok(log.lost().length > 0)
  })
})
