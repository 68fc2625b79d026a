/** Orders of jobs, and pages of them for `look`, each beginning after the last of the one before. */
import { InvalidArgumentError } from '../../errors.ts'
import type { State } from '../../job.ts'
import type { Look } from '../store.ts'
import type { Row } from './row.ts'

export type Order = NonNullable<Look['order']>

/** What orders rows. */
export type Position = Pick<Row, 'pri' | 'rank' | 'at' | 'id'>

/** The order in which the jobs of a state lie. */
export const NATURAL = {
  ready: 'take',
  waiting: 'take',
  delayed: 'due',
  reserved: 'due',
  buried: 'buried',
} as const satisfies Record<Exclude<State, 'finished'>, Order>

const byTurn = (a: Position, b: Position): number => a.pri - b.pri || a.rank - b.rank || a.id - b.id
const byMoment = (a: Position, b: Position): number => a.at - b.at || a.id - b.id

export const COMPARE: Readonly<Record<Order, (a: Position, b: Position) => number>> = {
  take: byTurn,
  due: byMoment,
  buried: byMoment,
  id: (a, b) => a.id - b.id,
}

/** What is compared, one after another. */
export const KEYS: Readonly<Record<Order, readonly (keyof Position)[]>> = {
  take: ['pri', 'rank', 'id'],
  due: ['at', 'id'],
  buried: ['at', 'id'],
  id: ['id'],
}

export function positionOf({ pri, rank, at, id }: Position): Position {
  return { pri, rank, at, id }
}

export function keyOf(position: Position, order: Order): number[] {
  return KEYS[order].map((part) => position[part])
}

export function keyText(key: readonly number[]): string {
  return key.join('.')
}

/** @throws InvalidArgumentError for text that no page answered */
export function parseKey(text: string): number[] {
  const key = text.split('.').map(Number)
  if (key.length > 3 || !key.every(Number.isSafeInteger))
    throw new InvalidArgumentError(`'${text}' is not where a page ended.`)
  return key
}

/** @throws InvalidArgumentError for text that no page answered */
export function positionIn(text: string, order: Order): Position {
  const key = parseKey(text)
  const position = { pri: 0, rank: 0, at: 0, id: 0 }
  for (const [i, part] of KEYS[order].entries()) position[part] = key[i] ?? 0
  return position
}
