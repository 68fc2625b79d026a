import type { Refusal, Refused } from '../store.ts'

const refusals = new Map<Refusal, Refused>()

/** A refusal without more to say: one frozen object for each reason. */
export function refuse(why: Refusal): Refused {
  let refused = refusals.get(why)
  if (!refused) refusals.set(why, (refused = Object.freeze({ ok: false, why })))
  return refused
}
