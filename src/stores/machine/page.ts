/** Pages of jobs for `look`: rows in an order, each page beginning after the last of the one before. */
import { InvalidArgumentError } from '../../errors.ts'
import type { Look } from '../store.ts'
import type { Row } from './row.ts'

/** What orders two rows: the numbers are compared one after another, the id comes last. */
export function keyOf(row: Row, order: Look['order']): readonly number[] {
  switch (order) {
    case 'due':
    case 'buried':
      return [row.at, row.id]
    case 'id':
      return [row.id]
    default:
      return [row.pri, row.rank, row.id]
  }
}

export function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number)
  return 0
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
