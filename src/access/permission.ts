import { InvalidArgumentError } from '../errors.ts'
import { Glob, isGlob } from './glob.ts'

/** read: receive, delete, change the visibility. write: send. configure: create, delete, purge, set attributes, tags. */
export type Need = 'read' | 'write' | 'configure'
export const NEEDS: readonly Need[] = ['read', 'write', 'configure']

/** What may be done to which queues. */
export interface Permission {
  readonly needs: ReadonlySet<Need>
  readonly queues: Glob
}

/**
 * A permission as people write it: what, a colon, and a pattern of queue names.
 * @throws InvalidArgumentError
 * @example parsePermission('read,write:mail-*')
 * @example parsePermission('all:*')
 */
export function parsePermission(text: string): Permission {
  const colon = text.indexOf(':')
  const words = text.slice(0, Math.max(colon, 0)).split(',')
  const pattern = text.slice(colon + 1)
  if (colon < 1 || !words.every((word) => word === 'all' || isNeed(word)) || !isGlob(pattern))
    throw new InvalidArgumentError(
      `'${text}' is no permission. Write what and where, such as write:mail, read,write:mail-* or all:*; what is ${NEEDS.join(', ')} or all, ` +
        'and * stands for any characters of a name.',
    )
  return { needs: new Set(words.includes('all') ? NEEDS : words.filter(isNeed)), queues: new Glob(pattern) }
}

/** The opposite of `parsePermission`. */
export function permissionText({ needs, queues }: Permission): string {
  const words = NEEDS.filter((need) => needs.has(need))
  return `${words.length === NEEDS.length ? 'all' : words.join(',')}:${queues.text}`
}

export function allows(permissions: readonly Permission[], need: Need, queue: string): boolean {
  return permissions.some(({ needs, queues }) => needs.has(need) && queues.matches(queue))
}

function isNeed(word: string): word is Need {
  return (NEEDS as readonly string[]).includes(word)
}
