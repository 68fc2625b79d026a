import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

/**
 * A connection to the file whose statements are prepared once. Rows come as arrays.
 *
 * Statements say `LIMIT +?`: where a bare variable stands there, SQLite looks at its value for the plan, and prepares the statement anew whenever one is bound
 * (25 us of one that reads jobs; the plans are the same).
 */
export class Connection {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  /** Something was written since this was last set to false. */
  wrote = false

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.wrote = true
    this.#statement(sql).run(...values)
  }

  /** `run` with a list, which is not kept. */
  runAll(sql: string, values: readonly SQLInputValue[]): void {
    this.wrote = true
    this.#statement(sql).run(...values)
  }

  get<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#statement(sql).get(...values) as T | undefined
  }

  all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#statement(sql).all(...values) as unknown as T[]
  }

  value(sql: string, ...values: SQLInputValue[]): number {
    return (this.get<[number]>(sql, ...values) as [number])[0]
  }

  /** false: it was closed since its statements were prepared, even if it is open again. */
  get isOpen(): boolean {
    try {
      return this.value('SELECT 1') === 1
    } catch {
      return false
    }
  }

  /** false: SQLite has rolled it back of itself, as on a full disk. */
  get isTransaction(): boolean {
    return this.#db.isTransaction
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#db.prepare(sql)
      statement.setReturnArrays(true)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}
