/** How users and keys lie in the store, as records. */
import type { Ms } from '../job.ts'
import type { StoreRecord } from '../stores/store.ts'
import type { Sealed, SealRecord } from './seal.ts'

export const USER = 'user/'
export const KEY = 'key/'
/** The one record of how secrets are encrypted: a SealRecord. */
export const SEAL = 'secret-key'

/** `user/<name>`. Permissions as people write them. */
export interface UserRecord {
  permissions: string[]
  created: Ms
}

/** `key/<id>`. An HMAC needs the secret itself: as text, or sealed. */
export interface KeyRecord {
  user: string
  secret: string | Sealed
  created: Ms
  disabled?: true
  /** It may only what these, too, allow. */
  permissions?: string[]
}

/** The store's records as a process knows them: the broker's cache is one. */
export interface KnownRecords {
  get(key: string): StoreRecord | undefined
  list(prefix: string): Iterable<StoreRecord>
  /** Returns the way to stop. */
  watch(prefix: string, on: () => void): () => void
  refresh(): Promise<void>
}

export function userOf(records: Pick<KnownRecords, 'get'>, name: string): UserRecord | undefined {
  return records.get(USER + name)?.value as UserRecord | undefined
}

export function keyOf(records: Pick<KnownRecords, 'get'>, id: string): KeyRecord | undefined {
  return records.get(KEY + id)?.value as KeyRecord | undefined
}

export function sealOf(records: Pick<KnownRecords, 'get'>): SealRecord | undefined {
  return records.get(SEAL)?.value as SealRecord | undefined
}

/** What a secret is sealed for. */
export function aboutOf(id: string, user: string): string {
  return `${id}/${user}`
}
