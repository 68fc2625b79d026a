/**
 * The processes that have the file open. Each holds a lock on a small file of its own for as long as it lives: the system gives it back at the moment of
 * its death, and keeps it while it is only stopped. So nobody needs a heartbeat, and nobody is taken for dead because it was busy.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Bell, Peer, socketPath, type Ring } from './bell.ts'

/** How long after a broken line the lock is asked again, until it tells. */
const ASK_AGAIN = 50

/** Locks the whole file, and leaves no journal beside it. */
const LOCK = 'PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'

export interface ProcessRow {
  slot: number
  name: string
}

/** Between the making of the folder and that of the lock, a process that leaves may take the empty folder away. */
const TRIES = 100

function openLock(folder: string, path: string): DatabaseSync {
  for (let tries = 1; ; tries++) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const lock = new DatabaseSync(path, { timeout: 0, open: false })
    try {
      lock.open()
      lock.exec(LOCK)
      return lock
    } catch (error) {
      if (lock.isOpen) lock.close()
      if (tries === TRIES) throw error
    }
  }
}

export class Processes {
  readonly name = `${process.pid}-${randomBytes(6).toString('hex')}`
  readonly #folder: string
  readonly #lock: DatabaseSync
  readonly #bell: Bell
  readonly #peers = new Map<number, Peer>()
  /** Another process rang. */
  onRing: (ring: Ring) => void = () => undefined
  /** Another process came. */
  onConnect: () => void = () => undefined
  /** The process of that slot is dead. */
  onDeath: (slot: number, name: string) => void = () => undefined
  #closed = false

  constructor(path: string) {
    this.#folder = resolve(`${path}-processes`)
    this.#lock = openLock(this.#folder, this.#lockPath(this.name))
    this.#bell = new Bell(
      this.#folder,
      this.name,
      (ring) => this.onRing(ring),
      () => this.onConnect(),
    )
  }

  listen(): Promise<void> {
    return this.#bell.listen()
  }

  get others(): number {
    return this.#peers.size
  }

  /** These are the other processes now, as the file says. */
  know(rows: readonly ProcessRow[]): void {
    if (this.#closed) return
    const names = new Set(rows.map((row) => row.name))
    for (const [slot, peer] of this.#peers)
      if (!names.has(peer.name)) {
        peer.close()
        this.#peers.delete(slot)
      }
    for (const { slot, name } of rows) if (!this.#peers.has(slot)) this.#meet(slot, name)
  }

  ring(slot: number, ring: Ring): void {
    this.#peers.get(slot)?.ring(ring)
  }

  ringAll(ring: Ring): void {
    for (const peer of this.#peers.values()) peer.ring(ring)
  }

  close(): void {
    this.#closed = true
    for (const peer of this.#peers.values()) peer.close()
    this.#bell.close()
    this.#lock.close()
    rmSync(this.#lockPath(this.name), { force: true })
    try {
      rmdirSync(this.#folder)
    } catch {
      // Others are still in there.
    }
  }

  #meet(slot: number, name: string): void {
    if (!this.#isAlive(name)) return this.#died(slot, name)
    this.#peers.set(slot, new Peer(slot, name, this.#folder, () => this.#lost(slot, name)))
  }

  /** The line to a process broke: ask its lock until it is dead, or has gone by itself, or can be reached again. */
  #lost(slot: number, name: string): void {
    if (this.#closed || this.#peers.get(slot)?.name !== name) return
    this.#peers.delete(slot)
    if (!this.#isAlive(name)) return this.#died(slot, name)
    setTimeout(() => {
      if (!this.#closed && !this.#peers.has(slot) && existsSync(this.#lockPath(name))) this.#meet(slot, name)
    }, ASK_AGAIN).unref()
  }

  #died(slot: number, name: string): void {
    rmSync(this.#lockPath(name), { force: true })
    rmSync(socketPath(this.#folder, name), { force: true })
    this.onDeath(slot, name)
  }

  /** Also where it can't be told, as while this process may open no more files: who cannot be reached is asked again. */
  #isAlive(name: string): boolean {
    const path = this.#lockPath(name)
    if (!existsSync(path)) return false
    const lock = new DatabaseSync(path, { timeout: 0, open: false })
    try {
      lock.open()
      lock.exec(LOCK)
      return false
    } catch {
      return true
    } finally {
      if (lock.isOpen) lock.close()
    }
  }

  #lockPath(name: string): string {
    return join(this.#folder, `${name}.lock`)
  }
}
