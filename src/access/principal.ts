import { allows, NEEDS, type Need, type Permission } from './permission.ts'

/** Who asks, and what it may. The same for all protocols. */
export interface Principal {
  /** The user's name; shown in statistics and in a message's SenderId. */
  readonly name: string
  /** The id of the access key that it came with. */
  readonly key?: string
  /**
   * @param need 'any': whether it may do anything at all with the queue
   * @param queue its name, without the tenant
   */
  may(need: Need | 'any', queue: string): boolean
}

/** Who asks where nobody is asked for a key. */
export const EVERYBODY: Principal = { name: 'everybody', may: () => true }

/** @param limits of the key, if it has its own: a key never may more than its user */
export function principal(
  name: string,
  key: string,
  permissions: readonly Permission[],
  limits?: readonly Permission[],
): Principal {
  return {
    name,
    key,
    may: (need, queue) =>
      (need === 'any' ? NEEDS : [need]).some(
        (one) => allows(permissions, one, queue) && (limits === undefined || allows(limits, one, queue)),
      ),
  }
}
