/**
 * AWS Signature Version 4, as a server checks it: that who holds the access key signed this method, path, query, body and these headers, not long ago.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { hash } from 'node:crypto'
import type { Access, AccessKey, Principal } from '../../access/index.ts'
import type { Ms } from '../../job.ts'
import { canonicalPath, canonicalQuery } from './canonical.ts'
import { headerCredentials, queryCredentials, type Credentials } from './credentials.ts'
import { same, signingKey, type HmacKey } from './hmac.ts'
import { SqsError } from './sqs-error.ts'

/** A request as it came over the wire. */
export interface SignedRequest {
  method: string
  /** Path and query, undecoded: `IncomingMessage.url`. */
  url: string
  /** Names and values in turn, repeated ones and all: `IncomingMessage.rawHeaders`. */
  rawHeaders: readonly string[]
  body: Uint8Array
}

/** What a request must be signed for. */
export interface Scope {
  region: string
  /** Default sqs. */
  service?: string
}

/** A clock may be wrong by so much. */
const SKEW = 15 * 60_000

/** Signing keys that are kept: one for each access key and day, so a server meets few. */
const KEPT = 1000

export class Signatures {
  readonly #access: Access
  readonly #region: string
  readonly #service: string
  readonly #signingKeys = new Map<string, { of: AccessKey; signing: HmacKey }>()

  constructor(access: Access, { region, service = 'sqs' }: Scope) {
    this.#access = access
    this.#region = region
    this.#service = service
  }

  /**
   * Who signed it.
   * @param now the server's time
   * @throws SqsError with AWS's code for what is wrong
   * @example new Signatures(access, { region: 'us-east-1' }).verify({ method, url, rawHeaders, body }, Date.now())
   */
  verify({ method, url, rawHeaders, body }: SignedRequest, now: Ms): Principal {
    const { path, query, headers, credentials } = this.#read(url, rawHeaders, now)
    const { claim, date } = credentials
    const { day, keyId } = claim
    const signed = signedHeaders(headers, credentials)
    const payload = payloadHash(headers, body)
    const request = `${method}\n${canonicalPath(path)}\n${query.text}\n${signed}\n${claim.signedHeaders}\n${payload}`
    // Headers are bytes, each a character of its own.
    const ascii = Buffer.byteLength(request) === request.length
    const digest = hash('sha256', ascii ? request : Buffer.from(request, 'latin1'), 'hex')
    const toSign = `AWS4-HMAC-SHA256\n${date}\n${day}/${this.#region}/${this.#service}/aws4_request\n${digest}`

    // For an id that isn't there the same is done, with a secret that is nobody's.
    const key = this.#access.key(keyId)
    const signature = (key ? this.#signingKey(key, day) : NOBODYS).sign(toSign)
    const right = same(signature, credentials.signature)
    if (!key) throw noSuchKey()
    if (!right)
      throw new SqsError(
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
      )
    return key.principal
  }

  /**
   * Looks at a request before its body is read: whether it names a key that is there, and is of its time. That it is signed with it is checked later.
   * @throws SqsError
   */
  admit({ url, rawHeaders }: Pick<SignedRequest, 'url' | 'rawHeaders'>, now: Ms): void {
    const { credentials } = this.#read(url, rawHeaders, now)
    if (!this.#access.key(credentials.claim.keyId)) throw noSuchKey()
  }

  #read(url: string, rawHeaders: readonly string[], now: Ms) {
    const mark = url.indexOf('?')
    const path = mark < 0 ? url : url.slice(0, mark)
    const query = canonicalQuery(mark < 0 ? '' : url.slice(mark + 1))
    const headers = gather(rawHeaders)
    const presigned = queryCredentials(query)
    if (presigned && headers.has('authorization')) throw incomplete('Only one way to sign a request may be used.')
    const credentials = presigned ?? headerCredentials(headers)
    this.#checkScope(credentials)
    checkTime(credentials, now)
    return { path, query, headers, credentials }
  }

  #checkScope({ claim: { day, region, service, end }, date }: Credentials): void {
    const wrong = (message: string): never => {
      throw new SqsError('SignatureDoesNotMatch', message)
    }
    if (end !== 'aws4_request') wrong("Credential should be scoped with a valid terminator: 'aws4_request'.")
    if (service !== this.#service) wrong(`Credential should be scoped to correct service: '${this.#service}'.`)
    if (region !== this.#region) wrong(`Credential should be scoped to a valid region: '${this.#region}'.`)
    if (day !== date.slice(0, 8)) wrong('Date in Credential scope does not match the date of the request.')
  }

  /** Derived from the secret for one day, once. */
  #signingKey(key: AccessKey, day: string): HmacKey {
    const name = `${key.id}/${day}`
    const known = this.#signingKeys.get(name)
    if (known?.of === key) return known.signing
    const signing = signingKey(key.secret, [day, this.#region, this.#service, 'aws4_request'])
    if (this.#signingKeys.size >= KEPT) this.#signingKeys.clear()
    this.#signingKeys.set(name, { of: key, signing })
    return signing
  }
}

/** What makes a server ask for keys: a part of its options. */
export function askForKeys(access: Access, region: string) {
  const signatures = new Signatures(access, { region })
  return {
    authenticate: (request: SignedRequest): Principal => signatures.verify(request, Date.now()),
    admit: (head: Pick<SignedRequest, 'url' | 'rawHeaders'>): void => signatures.admit(head, Date.now()),
  }
}

const NOBODYS = signingKey('nobody', [])

/** Of these, whatever a signature covers or not, there may be but one: which of two a proxy or a parser would take nobody knows. */
const ONCE = ['host', 'content-type', 'x-amz-date', 'date', 'x-amz-target', 'x-amz-content-sha256', 'authorization']

/** By the name in small letters; several of one name in their order, as they are signed. */
function gather(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    const value = rawHeaders[i + 1] as string
    const before = headers.get(name)
    if (before !== undefined && ONCE.includes(name)) throw incomplete(`The request has more than one ${name}.`)
    headers.set(name, before === undefined ? value : `${trimmed(before)},${trimmed(value)}`)
  }
  return headers
}

/**
 * Headers that change what a request does. content-type isn't among them: the SDK for PHP doesn't sign it, and AWS takes its requests; a body means
 * nothing in the other wire form.
 */
const MUST_BE_SIGNED = ['host', 'x-amz-target']

function signedHeaders(headers: ReadonlyMap<string, string>, { claim: { names }, dated }: Credentials): string {
  for (const name of MUST_BE_SIGNED)
    if ((name === 'host' || headers.has(name)) && !names.includes(name))
      throw new SqsError('SignatureDoesNotMatch', `'${name}' must be a 'SignedHeader' in the request.`)
  if (dated && !names.includes(dated))
    throw new SqsError('SignatureDoesNotMatch', `'${dated}' must be a 'SignedHeader' in the request.`)
  let text = ''
  for (const name of names) text += `${name}:${trimmed(headers.get(name) ?? '')}\n`
  return text
}

/** Without spaces around it, and one where there were several. */
function trimmed(value: string): string {
  const ends = value.trim()
  return ends.includes('  ') || ends.includes('\t') ? ends.replaceAll(/[ \t]+/g, ' ') : ends
}

const EMPTY = hash('sha256', '', 'hex')

/** @throws SqsError the client says another hash, or that it signed no body */
function payloadHash(headers: ReadonlyMap<string, string>, body: Uint8Array): string {
  const actual = body.length === 0 ? EMPTY : hash('sha256', body, 'hex')
  const said = headers.get('x-amz-content-sha256')
  if (said !== undefined && said !== actual)
    throw new SqsError(
      'SignatureDoesNotMatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed. A body must be signed.",
    )
  return actual
}

function checkTime({ date, at, expires }: Credentials, now: Ms): void {
  const time = (ms: Ms): string => new Date(ms).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
  if (at > now + SKEW)
    throw new SqsError(
      'SignatureDoesNotMatch',
      `Signature not yet current: ${date} is still later than ${time(now + SKEW)} (${time(now)} + 15 min.)`,
    )
  if (expires !== undefined) {
    if (at + expires < now) throw new SqsError('RequestExpired', 'Request has expired.')
  } else if (at < now - SKEW)
    throw new SqsError(
      'SignatureDoesNotMatch',
      `Signature expired: ${date} is now earlier than ${time(now - SKEW)} (${time(now)} - 15 min.)`,
    )
}

function noSuchKey(): SqsError {
  return new SqsError('InvalidClientTokenId', 'The security token included in the request is invalid.')
}

function incomplete(message: string): SqsError {
  return new SqsError('IncompleteSignature', message)
}
