/** Who may, as a server asks it: keys by their id, from memory, never older than the last change that this process heard of. */
import { SecretKeyError } from '../errors.ts'
import { parsePermission } from './permission.ts'
import { principal, type Principal } from './principal.ts'
import { aboutOf, KEY, keyOf, SEAL, sealOf, USER, userOf, type KeyRecord, type KnownRecords } from './records.ts'
import { Seal, SECRET_KEY } from './seal.ts'

/** A key that may be used now. It is another object after any change of it or its user, so what was derived from it can be kept beside it. */
export interface AccessKey {
  readonly id: string
  readonly secret: string
  readonly principal: Principal
}

export class Access {
  readonly #records: KnownRecords
  readonly #passphrase: string | undefined
  #seal: Seal | undefined
  readonly #keys = new Map<string, AccessKey>()
  readonly #unwatch: readonly (() => void)[]

  private constructor(records: KnownRecords, passphrase: string | undefined, onError: (error: Error) => void) {
    this.#records = records
    this.#passphrase = passphrase
    const forget = (): void => this.#keys.clear()
    this.#unwatch = [
      records.watch(KEY, forget),
      records.watch(USER, forget),
      // Secrets may be encrypted from now on.
      records.watch(SEAL, () => void this.#unseal().catch(onError)),
    ]
  }

  /**
   * @param records of the broker
   * @param passphrase what secrets are encrypted with, if they are
   * @param onError they have been encrypted meanwhile, and the passphrase isn't what with: their keys are refused
   * @throws SecretKeyError secrets are encrypted and this isn't what with
   * @example const access = await Access.open(broker.records, process.env['QUEUEUP_SECRET_KEY'])
   */
  static async open(
    records: KnownRecords,
    passphrase?: string,
    onError: (error: Error) => void = () => undefined,
  ): Promise<Access> {
    await records.refresh()
    const access = new Access(records, passphrase === '' ? undefined : passphrase, onError)
    await access.#unseal()
    return access
  }

  /** undefined: there is no such key, or it is disabled, or has no user. */
  key(id: string): AccessKey | undefined {
    const known = this.#keys.get(id)
    if (known) return known
    const made = this.#make(id)
    if (made) this.#keys.set(id, made)
    return made
  }

  /** Whether anybody could come in at all. */
  get empty(): boolean {
    return this.#records.list(KEY)[Symbol.iterator]().next().done === true
  }

  close(): void {
    for (const stop of this.#unwatch) stop()
  }

  #make(id: string): AccessKey | undefined {
    const key = keyOf(this.#records, id)
    if (!key || key.disabled) return undefined
    const user = userOf(this.#records, key.user)
    if (!user) return undefined
    const secret = this.#secret(id, key)
    if (secret === undefined) return undefined
    return {
      id,
      secret,
      principal: principal(key.user, id, user.permissions.map(parsePermission), key.permissions?.map(parsePermission)),
    }
  }

  #secret(id: string, { secret, user }: KeyRecord): string | undefined {
    if (typeof secret === 'string') return secret
    return this.#seal?.open(secret, aboutOf(id, user))
  }

  async #unseal(): Promise<void> {
    const record = sealOf(this.#records)
    if (!record || this.#seal) return
    if (this.#passphrase === undefined)
      throw new SecretKeyError(`The secrets of this store's access keys are encrypted. Set ${SECRET_KEY} to their key.`)
    this.#seal = await Seal.open(record, this.#passphrase)
  }
}
