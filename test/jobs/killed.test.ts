/** Workers in processes of their own that are killed at random: each job ends once, groups keep their order, limits hold over all processes. */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { open } from '../../src/index.ts'
import { jobs } from './killed-jobs.ts'

const LONG = Number(process.env['QUEUEUP_LONG'] ?? 1)
const PROCESSES = 2
const JOBS = 60
/** One process is killed whenever so many jobs more have come to their end. */
const KILL_EVERY = 12
const LIMIT = 2
const DEEDS = ['quick', 'slow', 'fails', 'quick', 'slow', 'discards', 'slow', 'quick', 'slow', 'slow', 'quick', 'kills']
const NAMES = ['free', 'grouped', 'limited'] as const

interface Told {
  what: string
  id: string
  attempt: number
  pid: string
}

for (let round = 0; round < LONG; round++)
  test(`each job ends once while its workers are killed${round > 0 ? `, round ${round}` : ''}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'queueup-killed-'))
    const file = join(folder, 'jobs.db')
    const queue = await open(`file:${file}`, { jobs })
    const workers = new Set<ChildProcess>()
    let ending = false
    t.after(async () => {
      ending = true
      for (const worker of workers) worker.kill('SIGKILL')
      await queue.close()
      rmSync(folder, { recursive: true })
    })
    const start = () => {
      const child = fork(join(import.meta.dirname, 'killed-child.ts'), [file])
      workers.add(child)
      // It is killed by the test or by a job of its own; another one takes its place.
      child.once('exit', () => {
        workers.delete(child)
        if (!ending) start()
      })
      return child
    }
    await Promise.all(Array.from({ length: PROCESSES }, () => once(start(), 'message')))

    const put = new Map<string, { name: string; group?: string; deed: string }>()
    for (let n = 0; n < JOBS; n++) {
      const name = NAMES[n % NAMES.length] as (typeof NAMES)[number]
      const deed = DEEDS[Math.floor(n / NAMES.length) % DEEDS.length] as string
      const group = name === 'grouped' ? `g${Math.floor(n / NAMES.length) % 3}` : undefined
      const { id } = await queue.put(name, { deed }, group === undefined ? {} : { group })
      put.set(id, { name, deed, ...(group !== undefined && { group }) })
    }
    const left = async () =>
      (await queue.counts()).reduce((sum, one) => sum + one.ready + one.delayed + one.waiting + one.reserved, 0)
    let next = JOBS - KILL_EVERY
    for (let n = JOBS; n > 0; n = await left()) {
      await sleep(20)
      if (n > next) continue
      next = n - KILL_EVERY
      const [victim] = workers
      victim?.kill('SIGKILL')
    }
    ending = true

    const log = existsSync(`${file}.log`) ? readFileSync(`${file}.log`, 'utf8') : ''
    const told = log
      .split('\n')
      .filter(Boolean)
      .map((line): Told => {
        const [what = '', id = '', attempt, pid = ''] = line.split(' ')
        return { what, id, attempt: Number(attempt), pid }
      })
    const last = new Map<string, number>()
    for (const { what, id } of told) {
      const group = put.get(id)?.group
      if (what !== 'begins' || group === undefined) continue
      assert.ok(Number(id) >= (last.get(group) ?? 0), `${id} begins after ${last.get(group)} of group ${group}`)
      last.set(group, Number(id))
    }
    for (const [id, { deed }] of put) {
      const begun = told.filter((one) => one.what === 'begins' && one.id === id).map((one) => one.attempt)
      const ended = told.filter((one) => one.what === 'ends' && one.id === id)
      // Attempts count up: one that was killed before its end was acknowledged is followed by the next, never by the same.
      assert.deepEqual(
        begun,
        begun.toSorted((a, b) => a - b),
        `attempts of ${id}: ${begun.join()}`,
      )
      assert.equal(new Set(begun).size, begun.length, `attempts of ${id}: ${begun.join()}`)
      assert.ok(ended.length >= 1, `${id} (${deed}) never ended`)
      const info = await queue.get(id)
      assert.equal(info?.state, deed === 'discards' ? 'buried' : undefined, `${id} (${deed}): ${info?.error}`)
    }
    // One that was killed never ends, and doesn't count.
    const running = new Set<string>()
    const nameOf = ({ id, attempt, pid }: Told) => `${id} ${attempt} ${pid}`
    const ends = new Set(told.filter((one) => one.what === 'ends').map(nameOf))
    for (const one of told) {
      if (put.get(one.id)?.name !== 'limited' || !ends.has(nameOf(one))) continue
      if (one.what === 'ends') running.delete(nameOf(one))
      else running.add(nameOf(one))
      assert.ok(running.size <= LIMIT, `${[...running].join(', ')} run under a limit of ${LIMIT}`)
    }
  })
