import type { Queue } from '../../job.ts'

/** What this server knows of a tube beside its jobs: who uses and watches it, and the commands counted for it. */
export class Tube {
  readonly name: string
  readonly queue: Queue
  using = 0
  watching = 0
  waiting = 0
  pauses = 0
  /** How long it was paused the last time, in seconds, while it is. */
  pause = 0

  constructor(name: string, queue: Queue) {
    this.name = name
    this.queue = queue
  }

  get referenced(): boolean {
    return this.using > 0 || this.watching > 0
  }
}

/** The tubes of one tenant, as far as connections of this server touch them. */
export class Tubes {
  readonly #tenant: string
  readonly #tubes = new Map<string, Tube>()

  constructor(tenant: string) {
    this.#tenant = tenant
  }

  /** The tube, made if it isn't known. */
  get(name: string): Tube {
    let tube = this.#tubes.get(name)
    if (!tube) this.#tubes.set(name, (tube = new Tube(name, this.queueOf(name))))
    return tube
  }

  find(name: string): Tube | undefined {
    return this.#tubes.get(name)
  }

  queueOf(name: string): Queue {
    return `${this.#tenant}/${name}`
  }

  /** The tube's name of a queue of this tenant. */
  nameOf(queue: Queue): string {
    return queue.slice(this.#tenant.length + 1)
  }

  /** After a connection has left it: what nobody uses is forgotten, and what was counted for it. */
  release(tube: Tube): void {
    if (!tube.referenced && tube.pauses === 0) this.#tubes.delete(tube.name)
  }

  /** Tubes that exist because somebody uses or watches them. */
  *referenced(): Iterable<Tube> {
    for (const tube of this.#tubes.values()) if (tube.referenced) yield tube
  }
}
