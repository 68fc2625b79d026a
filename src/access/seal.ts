/** Secrets at rest: AES-256-GCM with a key that is derived from a passphrase of the environment. */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { InvalidArgumentError, SecretKeyError } from '../errors.ts'

/** The environment variable that holds the passphrase. */
export const SECRET_KEY = 'QUEUEUP_SECRET_KEY'

/** 45 ms and 16 MB, once for each opening. */
const COST = { N: 2 ** 14, r: 8, p: 1 }
const SHORTEST = 16

/** What the store keeps of the passphrase: how a key is derived, and a text sealed with it, by which a wrong one is known. */
export interface SealRecord {
  kdf: 'scrypt'
  N: number
  r: number
  p: number
  salt: string
  check: Sealed
}

/** Base64 each. */
export interface Sealed {
  nonce: string
  tag: string
  data: string
}

const CHECK = 'queueup'

export class Seal {
  readonly #key: Buffer
  readonly record: SealRecord

  private constructor(key: Buffer, record: SealRecord) {
    this.#key = key
    this.record = record
  }

  /** A seal for a store that has none yet. @throws InvalidArgumentError the passphrase is too short */
  static async create(passphrase: string): Promise<Seal> {
    checkPassphrase(passphrase)
    const salt = randomBytes(16)
    const key = await derive(passphrase, salt, COST)
    const check = sealWith(key, CHECK, CHECK)
    return new Seal(key, { kdf: 'scrypt', ...COST, salt: salt.toString('base64'), check })
  }

  /** @throws SecretKeyError this isn't the passphrase of that store */
  static async open(record: SealRecord, passphrase: string): Promise<Seal> {
    const { N, r, p } = record
    // A file that somebody made must not take the memory of the machine.
    if (!(N <= 2 ** 17 && r <= 16 && p <= 4)) throw new SecretKeyError('The store asks for a key that costs too much.')
    const key = await derive(passphrase, Buffer.from(record.salt, 'base64'), { N, r, p })
    const seal = new Seal(key, record)
    if (seal.open(record.check, CHECK) !== CHECK)
      throw new SecretKeyError(
        `${SECRET_KEY} isn't the key that this store's secrets were encrypted with. Set the right one; nothing was changed.`,
      )
    return seal
  }

  /** @param about what the secret belongs to: sealed for one key it can't be opened as another's */
  seal(secret: string, about: string): Sealed {
    return sealWith(this.#key, secret, about)
  }

  /** undefined: it was sealed with another key or for something else, or was changed. */
  open({ nonce, tag, data }: Sealed, about: string): string | undefined {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, Buffer.from(nonce, 'base64'), { authTagLength: 16 })
      decipher.setAAD(Buffer.from(about)).setAuthTag(Buffer.from(tag, 'base64'))
      return Buffer.concat([decipher.update(Buffer.from(data, 'base64')), decipher.final()]).toString()
    } catch {
      return undefined
    }
  }
}

/** @throws InvalidArgumentError */
function checkPassphrase(passphrase: string): void {
  if (passphrase.length < SHORTEST)
    throw new InvalidArgumentError(
      `${SECRET_KEY} has ${passphrase.length} characters; give at least ${SHORTEST}, such as what "openssl rand -base64 32" prints.`,
    )
}

function sealWith(key: Buffer, secret: string, about: string): Sealed {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 }).setAAD(Buffer.from(about))
  const data = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return {
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  }
}

function derive(passphrase: string, salt: Buffer, { N, r, p }: typeof COST): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}
