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

/** Of so many tubes that nobody uses or watches it is known how often they were paused. */
const MAX_COUNTED = 1000

/** The tubes of one tenant, as far as connections of this server touch them. */
export class Tubes {
  readonly #tenant: string
  readonly #tubes = new Map<string, Tube>()
  /** Those that nobody uses or watches, but which were paused: the last one at the end. */
  readonly #counted = new Map<string, Tube>()

  constructor(tenant: string) {
    this.#tenant = tenant
  }

  /** The tube, made if it isn't known. */
  get(name: string): Tube {
    let tube = this.#tubes.get(name)
    if (!tube) this.#tubes.set(name, (tube = this.find(name) ?? new Tube(name, this.queueOf(name))))
    this.#counted.delete(name)
    return tube
  }

  find(name: string): Tube | undefined {
    return this.#tubes.get(name) ?? this.#counted.get(name)
  }

  queueOf(name: string): Queue {
    return `${this.#tenant}/${name}`
  }

  /** The tube's name of a queue of this tenant. */
  nameOf(queue: Queue): string {
    return queue.slice(this.#tenant.length + 1)
  }

  /** After a connection has left it: what nobody uses is forgotten. What was counted for it is kept for a while. */
  release(tube: Tube): void {
    if (tube.referenced) return
    this.#tubes.delete(tube.name)
    if (tube.pauses === 0) return
    this.#counted.delete(tube.name)
    this.#counted.set(tube.name, tube)
    if (this.#counted.size > MAX_COUNTED) this.#counted.delete(this.#counted.keys().next().value as string)
  }

  /** Tubes that exist because somebody uses or watches them. */
  *referenced(): Iterable<Tube> {
    for (const tube of this.#tubes.values()) if (tube.referenced) yield tube
  }
}
