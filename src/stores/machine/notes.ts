import type { Note } from '../store.ts'

/** So many notes of a kind stay with a job; of steps one a key. */
export const MOST = { log: 500, progress: 1, attempt: 50, step: 1000 } as const

/** A job's notes with one more, the oldest first; what is over the bounds is left out. */
export function withNote(notes: readonly Note[], note: Note): Note[] {
  const { kind, key } = note
  const others = notes.filter((one) => one.kind !== kind || (key !== undefined && one.key !== key) || MOST[kind] > 1)
  const same = kind === 'step' ? others.filter((one) => one.kind !== kind || one.key !== key) : others
  const surplus = same.filter((one) => one.kind === kind).length + 1 - MOST[kind]
  let left = surplus
  return [...same.filter((one) => one.kind !== kind || left-- <= 0), note]
}
