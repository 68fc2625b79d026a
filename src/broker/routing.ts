import type { Dead, Op, Unit } from '../stores/store.ts'

/** A job that dies so often in the same queue for the same reason goes round in circles: it stays where it lies, buried. */
const ROUNDS = 10

/** What takes dead letters to where their queues send them. A target that is full leaves them buried, to be tried again when `due` reports them. */
export function forwardDead(dead: readonly Dead[]): Unit | undefined {
  const ops = dead.filter((one) => !circles(one)).map(forwardOne)
  return ops.length > 0 ? { ops } : undefined
}

function forwardOne({ id, n, to, why }: Dead): Op {
  return { do: 'forward', job: { id, n, buried: true }, to: [{ queue: to, create: true }], why }
}

function circles({ queue, to, deaths }: Dead): boolean {
  if (queue === to) return true
  return deaths.some((death) => death.queue === queue && death.count >= ROUNDS)
}
