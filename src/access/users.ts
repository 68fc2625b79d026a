/** Users and their access keys, as the command line manages them. */
import { randomBytes } from 'node:crypto'
import { InvalidArgumentError, SecretKeyError, UnavailableError } from '../errors.ts'
import type { Ms } from '../job.ts'
import type { RecordOp, Store, StoreRecord } from '../stores/store.ts'
import { parsePermission, permissionText } from './permission.ts'
import { aboutOf, KEY, SEAL, sealOf, USER, type KeyRecord, type UserRecord } from './records.ts'
import { Seal, SECRET_KEY } from './seal.ts'

/** A key as it is told once, when it is made. */
export interface MadeKey {
  id: string
  secret: string
}

/** Without secrets. */
export interface UserView {
  name: string
  permissions: string[]
  created: Ms
  keys: KeyView[]
}
export interface KeyView {
  id: string
  created: Ms
  disabled: boolean
  encrypted: boolean
  permissions?: string[]
}

/** What a new key may be told. */
export interface KeyOptions {
  /** An id and a secret that exist already; default: new ones. */
  id?: string
  secret?: string
  /** It may only what these, too, allow. */
  permissions?: readonly string[]
}

const SHORTEST_SECRET = 16
const LONGEST_SECRET = 128

export class Users {
  readonly #store: Store
  readonly #passphrase: string | undefined

  /** @param passphrase what secrets are encrypted with; without one they are kept as they are */
  constructor(store: Store, passphrase?: string) {
    this.#store = store
    this.#passphrase = passphrase === '' ? undefined : passphrase
  }

  /** The names in order. */
  async list(): Promise<UserView[]> {
    const known = await this.#read()
    return [...known.values()]
      .filter(({ key }) => key.startsWith(USER))
      .map((user) => viewOf(user, keysOf(known, user.key.slice(USER.length))))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * A new user with a first key.
   * @param permissions such as `write:mail-*`
   * @returns undefined: there is a user of that name already
   * @throws InvalidArgumentError
   * @throws SecretKeyError
   */
  async add(name: string, permissions: readonly string[], key: KeyOptions = {}): Promise<MadeKey | undefined> {
    checkName(name)
    const value: UserRecord = { permissions: checked(permissions), created: this.#store.now() }
    return this.#change(async (known) => {
      if (known.has(USER + name)) return undefined
      const { made, ops } = await this.#newKey(known, name, key)
      return { answer: made, ops: [{ do: 'record', key: USER + name, value, version: 0 }, ...ops] }
    })
  }

  /**
   * One more key for a user; those that are there stay valid until they are removed.
   * @returns undefined: there is no such user
   */
  async rotate(name: string, key: KeyOptions = {}): Promise<MadeKey | undefined> {
    return this.#change(async (known) => {
      const user = known.get(USER + name)
      if (!user) return undefined
      const { made, ops } = await this.#newKey(known, name, key)
      return { answer: made, ops: [unchanged(user), ...ops] }
    })
  }

  /** Takes the place of the permissions that it has. false: there is no such user. */
  async allow(name: string, permissions: readonly string[]): Promise<boolean> {
    const texts = checked(permissions)
    return this.#found((known) => {
      const user = known.get(USER + name)
      return user && [{ ...unchanged(user), value: { ...(user.value as UserRecord), permissions: texts } }]
    })
  }

  /** The user and all its keys. false: there is no such user. */
  async remove(name: string): Promise<boolean> {
    return this.#found((known) => {
      const user = known.get(USER + name)
      return user && [user, ...keysOf(known, name)].map((one) => ({ ...unchanged(one), value: undefined }))
    })
  }

  /** One key of a user. false: it has none such. */
  async removeKey(name: string, id: string): Promise<boolean> {
    return this.#changeKey(name, id, () => undefined)
  }

  /** A disabled key is refused until it is enabled. false: the user has none such. */
  async disableKey(name: string, id: string, disabled: boolean): Promise<boolean> {
    return this.#changeKey(name, id, ({ disabled: _, ...rest }) => (disabled ? { ...rest, disabled } : rest))
  }

  /** Encrypts the secrets that are kept as they are. Returns how many there were. @throws SecretKeyError there is no key to encrypt with */
  async encrypt(): Promise<number> {
    if (this.#passphrase === undefined) throw new SecretKeyError(`Set ${SECRET_KEY} to the key to encrypt with.`)
    const done = await this.#change(async (known) => {
      const { seal, ops } = await this.#seal(known)
      const plain = [...known.values()].filter(({ key, value }) => key.startsWith(KEY) && isPlain(value as KeyRecord))
      const sealed = plain.map((record): RecordOp => {
        const key = record.value as KeyRecord
        const about = aboutOf(record.key.slice(KEY.length), key.user)
        return { ...unchanged(record), value: { ...key, secret: seal?.seal(key.secret as string, about) } }
      })
      return { answer: plain.length, ops: [...ops, ...sealed] }
    })
    return done ?? 0
  }

  async #changeKey(name: string, id: string, change: (key: KeyRecord) => KeyRecord | undefined): Promise<boolean> {
    return this.#found((known) => {
      const key = known.get(KEY + id)
      if (!key || (key.value as KeyRecord).user !== name) return undefined
      return [{ ...unchanged(key), value: change(key.value as KeyRecord) }]
    })
  }

  async #found(change: (known: Known) => RecordOp[] | undefined): Promise<boolean> {
    const done = await this.#change((known) => {
      const ops = change(known)
      return Promise.resolve(ops && { answer: true, ops })
    })
    return done ?? false
  }

  /** All of it or nothing, on what is there now; again when somebody else was faster. */
  async #change<T>(
    decide: (known: Known) => Promise<{ answer: T; ops: RecordOp[] } | undefined>,
  ): Promise<T | undefined> {
    for (;;) {
      const decided = await decide(await this.#read())
      if (!decided) return undefined
      const results = (await this.#store.commit([{ ops: decided.ops, refused: 'undo' }])[0]) ?? []
      const refusal = results.find((result) => !result.ok && result.why !== 'skipped')
      if (!refusal) return decided.answer
      if (!refusal.ok && refusal.why !== 'conflict')
        throw new UnavailableError(`The store refused the change of its users (${refusal.why}). Try again.`)
    }
  }

  async #newKey(known: Known, user: string, o: KeyOptions): Promise<{ made: MadeKey; ops: RecordOp[] }> {
    const id = o.id ?? newId()
    const secret = o.secret ?? randomBytes(30).toString('base64url')
    checkKey(id, secret)
    if (known.has(KEY + id)) throw new InvalidArgumentError(`There is an access key ${id} already.`)
    const { seal, ops } = await this.#seal(known)
    const value: KeyRecord = {
      user,
      secret: seal ? seal.seal(secret, aboutOf(id, user)) : secret,
      created: this.#store.now(),
      ...(o.permissions && { permissions: checked(o.permissions) }),
    }
    return { made: { id, secret }, ops: [...ops, { do: 'record', key: KEY + id, value, version: 0 }] }
  }

  /** What secrets are encrypted with, and what has to be written for it where it is the first. */
  async #seal(known: Known): Promise<{ seal?: Seal; ops: RecordOp[] }> {
    const record = sealOf(known)
    if (record && this.#passphrase === undefined)
      throw new SecretKeyError(`The secrets of this store's access keys are encrypted. Set ${SECRET_KEY} to their key.`)
    if (this.#passphrase === undefined) return { ops: [] }
    if (record) return { seal: await Seal.open(record, this.#passphrase), ops: [] }
    const seal = await Seal.create(this.#passphrase)
    return { seal, ops: [{ do: 'record', key: SEAL, value: seal.record, version: 0 }] }
  }

  async #read(): Promise<Known> {
    const { changed } = await this.#store.records(0)
    return new Map(changed.map((record) => [record.key, record]))
  }
}

type Known = ReadonlyMap<string, StoreRecord>

/** Writes it as it is: who has read it before is refused, so that no key is added to a user who is just being removed. */
function unchanged({ key, value, version }: StoreRecord): RecordOp {
  return { do: 'record', key, value, version }
}

function keysOf(known: Known, user: string): StoreRecord[] {
  return [...known.values()].filter(({ key, value }) => key.startsWith(KEY) && (value as KeyRecord).user === user)
}

function isPlain(key: KeyRecord): boolean {
  return typeof key.secret === 'string'
}

function viewOf(user: StoreRecord, keys: readonly StoreRecord[]): UserView {
  const { permissions, created } = user.value as UserRecord
  return { name: user.key.slice(USER.length), permissions, created, keys: keys.map(keyViewOf) }
}

function keyViewOf({ key, value }: StoreRecord): KeyView {
  const { created, disabled, permissions } = value as KeyRecord
  return {
    id: key.slice(KEY.length),
    created,
    disabled: disabled === true,
    encrypted: !isPlain(value as KeyRecord),
    ...(permissions && { permissions }),
  }
}

/** Twenty letters and digits, as the ids of AWS, of which some clients expect no fewer than sixteen. */
function newId(): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  return `QUP${[...randomBytes(17)].map((byte) => letters[byte % 32]).join('')}`
}

function checked(permissions: readonly string[]): string[] {
  return permissions.map((text) => permissionText(parsePermission(text)))
}

function checkName(name: string): void {
  if (!/^[A-Za-z0-9._@+-]{1,64}$/.test(name))
    throw new InvalidArgumentError('A user has a name of 1 to 64 letters, digits and ._@+-')
}

/** Never says what the secret is. */
function checkKey(id: string, secret: string): void {
  if (!/^[A-Za-z0-9_]{3,128}$/.test(id))
    throw new InvalidArgumentError('An access key has an id of 3 to 128 letters, digits and _')
  if (!/^[\x21-\x7e]*$/.test(secret) || secret.length < SHORTEST_SECRET || secret.length > LONGEST_SECRET)
    throw new InvalidArgumentError(
      `A secret has ${SHORTEST_SECRET} to ${LONGEST_SECRET} visible ASCII characters; without one of your own a good one is made.`,
    )
}
