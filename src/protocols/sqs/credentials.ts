/** What a request says of its signature: in its Authorization header, or in the query of a presigned URL. */
import type { Ms } from '../../job.ts'
import type { CanonicalQuery } from './canonical.ts'
import { SqsError } from './sqs-error.ts'

/** What a client says the same with every request of a day. */
export interface Claim {
  keyId: string
  /** The scope: its day, region, service, and `aws4_request`. */
  day: string
  region: string
  service: string
  end: string
  /** As they were written, and one by one, in their order. */
  signedHeaders: string
  names: readonly string[]
}

export interface Credentials {
  claim: Claim
  /** As it is signed, and as a moment. */
  date: string
  at: Ms
  /** The header that says it; undefined: a presigned URL does. */
  dated: 'x-amz-date' | 'date' | undefined
  /** Of a presigned URL; undefined: it is no older than other requests may be. */
  expires: Ms | undefined
  /** 64 hexadecimal digits. */
  signature: string
}

const ALGORITHM = 'AWS4-HMAC-SHA256'

/** A presigned URL lasts a week at most. */
const LONGEST_EXPIRY = 7 * 24 * 3600

/** A header that is longer is nobody's. */
const LONGEST = 8192

const DIGITS = 64
const SIGNATURE = /^[0-9a-f]{64}$/

/** Claims by the text of their header up to the signature. Anyone may make one up, so there are few, and short ones. */
const claims = new Map<string, Claim>()
const KEPT = 256
const LONGEST_KEPT = 1024

/** @throws SqsError */
export function headerCredentials(headers: ReadonlyMap<string, string>): Credentials {
  const authorization = headers.get('authorization')
  if (authorization === undefined)
    throw new SqsError('MissingAuthenticationToken', 'Request is missing Authentication Token')
  const before = authorization.slice(0, -DIGITS)
  const known = claims.get(before)
  const { claim, signature } = known ? { claim: known, signature: authorization.slice(-DIGITS) } : parse(authorization)
  const dated = headers.has('x-amz-date') ? 'x-amz-date' : 'date'
  const date = headers.get(dated)
  if (date === undefined)
    throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
  const made = credentials(claim, basicDate(date), signature, { dated })
  if (!known && before.length <= LONGEST_KEPT && /,\s*Signature=$/.test(before)) {
    if (claims.size >= KEPT) claims.clear()
    claims.set(before, claim)
  }
  return made
}

function parse(authorization: string): { claim: Claim; signature: string } {
  if (!authorization.startsWith(`${ALGORITHM} `) || authorization.length > LONGEST)
    throw incomplete(`The Authorization header must begin with the algorithm ${ALGORITHM}.`)
  const said = new Map<string, string>()
  for (const part of authorization.slice(ALGORITHM.length + 1).split(',')) {
    const text = part.trim()
    const equals = text.indexOf('=')
    const name = text.slice(0, Math.max(equals, 0))
    if (said.has(name)) throw incomplete('A parameter of the Authorization header comes twice.')
    said.set(name, text.slice(equals + 1))
  }
  const need = (name: string): string => {
    const value = said.get(name)
    if (!value) throw incomplete(`Authorization header requires '${name}' parameter.`)
    return value
  }
  return { claim: claimOf(need('Credential'), need('SignedHeaders')), signature: need('Signature') }
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/

/** A header `Date` as HTTP has it (RFC 9110, section 5.6.7) is signed in the basic format, too. */
function basicDate(date: string): string {
  const at = HTTP_DATE.test(date) ? Date.parse(date) : NaN
  return Number.isNaN(at) ? date : new Date(at).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
}

/** undefined: it isn't presigned. @throws SqsError */
export function queryCredentials({ signature }: CanonicalQuery): Credentials | undefined {
  if (!signature.has('X-Amz-Algorithm') && !signature.has('X-Amz-Signature')) return undefined
  const need = (name: string): string => {
    const [value, ...more] = signature.get(name) ?? []
    if (!value || more.length > 0) throw incomplete(`AWS query-string parameters must include '${name}', once.`)
    return value
  }
  if (need('X-Amz-Algorithm') !== ALGORITHM) throw incomplete(`X-Amz-Algorithm must be ${ALGORITHM}.`)
  // Not among the parameters that the documentation of SQS lists; signers that aren't AWS's own leave it out.
  const expires = signature.has('X-Amz-Expires') ? lifetime(need('X-Amz-Expires')) : undefined
  const claim = claimOf(need('X-Amz-Credential'), need('X-Amz-SignedHeaders'))
  return credentials(claim, need('X-Amz-Date'), need('X-Amz-Signature'), { expires })
}

function lifetime(expires: string): Ms {
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > LONGEST_EXPIRY)
    throw incomplete(`X-Amz-Expires must be a number of seconds from 1 to ${LONGEST_EXPIRY}.`)
  return Number(expires) * 1000
}

function claimOf(credential: string, signedHeaders: string): Claim {
  const scope = credential.split('/')
  const [keyId, day, region, service, end] = scope
  if (!keyId || !day || !region || !service || !end || scope.length !== 5)
    throw incomplete('Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.')
  const names = signedHeaders.split(';')
  for (let i = 1; i < names.length; i++)
    if ((names[i - 1] as string) >= (names[i] as string))
      throw incomplete(`SignedHeaders must be names in small letters, in order, each once.`)
  if (signedHeaders !== signedHeaders.toLowerCase()) throw incomplete('SignedHeaders must be names in small letters.')
  return { keyId, day, region, service, end, signedHeaders, names }
}

function credentials(
  claim: Claim,
  date: string,
  signature: string,
  { dated, expires }: Partial<Pick<Credentials, 'dated' | 'expires'>>,
): Credentials {
  if (!SIGNATURE.test(signature)) throw incomplete('Signature must be 64 hexadecimal digits in small letters.')
  return { claim, date, at: moment(date), dated, expires, signature }
}

/** Requests of one second say the same. */
let last: { date: string; at: Ms } | undefined

function moment(date: string): Ms {
  if (date === last?.date) return last.at
  const time = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
  const at = time ? Date.parse(`${time[1]}-${time[2]}-${time[3]}T${time[4]}:${time[5]}:${time[6]}Z`) : NaN
  if (Number.isNaN(at)) throw incomplete("Date must be in ISO-8601 'basic format', such as 20260102T030405Z.")
  last = { date, at }
  return at
}

function incomplete(message: string): SqsError {
  return new SqsError('IncompleteSignature', message)
}
