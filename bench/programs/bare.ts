/**
 * The life of jobs in SQLite and nothing else, as the limit of what a store on it can do: node bare.ts ORDER, a LifeOrder in JSON. One table, one index, the
 * same transactions. Its last line is LifeFigures in JSON.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { BODY } from '../body.ts'
import type { LifeFigures, LifeOrder } from './life.ts'

const { path = ':memory:', jobs, size } = JSON.parse(process.argv[2] ?? '') as LifeOrder
const db = new DatabaseSync(path)
db.exec(`
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE job (id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, pri INTEGER NOT NULL, rank INTEGER NOT NULL, state INTEGER NOT NULL,
    at INTEGER NOT NULL, n INTEGER NOT NULL, session INTEGER, put INTEGER NOT NULL, body BLOB) STRICT;
  CREATE INDEX ready ON job (queue, pri, rank) WHERE state = 0;
`)
const insert = db.prepare(
  'INSERT INTO job (id, queue, pri, rank, state, at, n, put, body) VALUES (?1, 1, 1024, ?1, 0, 0, 0, ?2, ?3)',
)
const head = db.prepare(
  'SELECT id, pri, n, put, body FROM job WHERE queue = 1 AND state = 0 ORDER BY pri, rank LIMIT ?',
)
const take = db.prepare(
  'UPDATE job SET state = 1, at = ?, session = ?, n = n + 1 WHERE id IN (SELECT value FROM json_each(?))',
)
const remove = db.prepare('DELETE FROM job WHERE id IN (SELECT value FROM json_each(?))')
let next = 1

life(Math.min(jobs, 20_000))
const figures: LifeFigures = { ...life(jobs), drain: drain(jobs / 2) }
db.close()
console.log(JSON.stringify(figures))

function life(count: number): Omit<LifeFigures, 'drain'> {
  const held: number[] = []
  const put = timed(() => fill(count))
  const reserve = timed(() => {
    for (let i = 0; i < count; i += size) transaction(() => held.push(...taken()))
  })
  const finish = timed(() => {
    for (let i = 0; i < count; i += size) transaction(() => finished(held.slice(i, i + size)))
  })
  return { put, reserve, finish }
}

function drain(count: number): number {
  fill(count)
  let held: number[] = []
  return timed(() => {
    for (let i = 0; i < count; i += size)
      transaction(() => {
        finished(held)
        held = taken()
      })
    transaction(() => finished(held))
  })
}

function fill(count: number): void {
  for (let i = 0; i < count; i += size)
    transaction(() => {
      for (let j = 0; j < size; j++) insert.run(next++, Date.now(), BODY)
    })
}

function taken(): number[] {
  const ids = idsOf(head, size)
  take.run(Date.now() + 60_000, 1, JSON.stringify(ids))
  return ids
}

function idsOf(statement: StatementSync, limit: number): number[] {
  return statement.all(limit).map(({ id }) => id as number)
}

function finished(ids: readonly number[]): void {
  if (ids.length > 0) remove.run(JSON.stringify(ids))
}

function transaction(run: () => unknown): void {
  db.exec('BEGIN IMMEDIATE')
  run()
  db.exec('COMMIT')
}

/** Milliseconds. */
function timed(run: () => void): number {
  const start = performance.now()
  run()
  return performance.now() - start
}
