import type { Refusal, Refused } from '../store.ts'

const refusals = new Map<Refusal, Refused>()

/** Whether a name can be kept: Node.js up to 25 cuts a text off at a zero byte when it reads it from SQLite, and half a surrogate pair is kept as another character. */
export const isName = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** A refusal without more to say: one frozen object for each reason. */
export function refuse(why: Refusal): Refused {
  let refused = refusals.get(why)
  if (!refused) refusals.set(why, (refused = Object.freeze({ ok: false, why })))
  return refused
}
