import type { Ms, Queue } from '../../job.ts'
import type { Machine } from '../machine/machine.ts'
import type { Hint } from '../store.ts'
import type { Ring } from './bell.ts'
import type { Disk } from './disk.ts'
import type { Processes } from './processes.ts'
import type { SqliteTable } from './table.ts'

/** What this store says to the other processes of its file, and hears from them. */
export class Peers {
  readonly #processes: Processes
  readonly #table: SqliteTable
  readonly #disk: Disk
  readonly #now: () => Ms
  readonly #write: (what: () => void) => Promise<void>
  readonly #tell: (hint: Hint) => void
  readonly #stopped: () => boolean
  #waits: readonly Queue[] = []
  #waitsWritten = false
  #changed = true

  constructor(o: {
    processes: Processes
    table: SqliteTable
    disk: Disk
    now: () => Ms
    /** Runs it in a transaction. */
    write: (what: () => void) => Promise<void>
    /** Tells whoever listens to the store. */
    tell: (hint: Hint) => void
    /** The store is closed, or has failed. */
    stopped: () => boolean
  }) {
    this.#processes = o.processes
    this.#table = o.table
    this.#disk = o.disk
    this.#now = o.now
    this.#write = o.write
    this.#tell = o.tell
    this.#stopped = o.stopped
    o.table.onProcesses = () => (this.#changed = true)
    o.processes.onRing = (ring) => this.#tell(ring)
    o.processes.onConnect = () => {
      this.#changed = true
      void this.look()
    }
    o.processes.onDeath = (slot, name) => this.#died(slot, name)
  }

  get count(): number {
    return this.#processes.others
  }

  /** Who has come and who has gone, if anybody has. */
  lookIfChanged(): void {
    if (this.#changed) void this.look()
  }

  async look(): Promise<void> {
    if (this.#stopped()) return
    this.#changed = false
    this.#processes.know(this.#table.roster.others())
    this.#disk.shared = this.#processes.others > 0
    if (this.#processes.others === 0 || this.#waitsWritten || this.#waits.length === 0) return
    const ready = this.#waits
    try {
      await this.#writeWaits()
    } catch {
      // The file can't be written to now; after the next commit it is tried again.
      this.#changed = true
      return
    }
    // What the newcomer put before it could know that we wait.
    this.#tell({ ready })
  }

  /** These are the queues that this process waits for. */
  wait(queues: readonly Queue[]): Promise<void> {
    this.#waits = queues
    this.#waitsWritten = false
    return this.#processes.others > 0 ? this.#writeWaits() : Promise.resolve()
  }

  /** Whom to ring once the transaction that runs is committed; looked up within it, so that no waiter is missed. */
  rings({ woken, told }: Machine): Map<number, Ring> | undefined {
    // Who came just now may wait already.
    if (this.#processes.others === 0 && !this.#changed) return undefined
    const { mark, roster } = this.#table
    if (woken.size === 0 && !mark.lowered && told === undefined) return undefined
    const rings = new Map<number, Ring>()
    for (const [slot, ready] of roster.waiters(woken)) rings.set(slot, { ready })
    if (mark.lowered) {
      const due = mark.lowered
      for (const { slot } of roster.others()) rings.set(slot, { ...rings.get(slot), due })
    }
    if (told !== undefined) for (const slot of roster.followers()) rings.set(slot, { ...rings.get(slot), events: told })
    return rings
  }

  /** After the commit. */
  ring(rings: Map<number, Ring> | undefined, hint: Hint | undefined): void {
    if (rings) for (const [slot, ring] of rings) this.#processes.ring(slot, ring)
    if (!hint) return
    const { records, ended, finished } = hint
    if (records === undefined && !ended && !finished) return
    this.#processes.ringAll({
      ...(records !== undefined && { records }),
      ...(ended && { ended }),
      ...(finished && { finished }),
    })
  }

  close(): void {
    this.#processes.close()
  }

  #died(slot: number, name: string): void {
    this.#table.dead.add(slot, name)
    this.#disk.shared = this.#processes.others > 0
    this.#tell({ due: this.#now() })
  }

  async #writeWaits(): Promise<void> {
    if (this.#waitsWritten) return
    this.#waitsWritten = true
    const waits = this.#waits
    try {
      await this.#write(() => this.#table.roster.setWaits(waits))
    } catch (error) {
      this.#waitsWritten = false
      throw error
    }
  }
}
