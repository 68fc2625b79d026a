/** What a request says of its signature: in its Authorization header, or in the query of a presigned URL. */
import type { Ms } from '../../job.ts'
import type { CanonicalQuery } from './canonical.ts'
import { SqsError } from './sqs-error.ts'

export interface Credentials {
  keyId: string
  /** The scope: its day, region, service, and `aws4_request`. */
  day: string
  region: string
  service: string
  end: string
  /** As it is signed, and as a moment. */
  date: string
  at: Ms
  /** The header that says it. */
  dated?: 'x-amz-date' | 'date'
  /** Of a presigned URL. */
  expires?: Ms
  /** As they were written, and one by one. */
  signedHeaders: string
  names: readonly string[]
  /** 64 hexadecimal digits. */
  signature: string
}

const ALGORITHM = 'AWS4-HMAC-SHA256'

/** A presigned URL lasts a week at most. */
const LONGEST_EXPIRY = 7 * 24 * 3600

/** A header that is longer is nobody's. */
const LONGEST = 8192

/** @throws SqsError */
export function headerCredentials(headers: ReadonlyMap<string, readonly string[]>): Credentials {
  const [authorization, ...more] = headers.get('authorization') ?? []
  if (authorization === undefined)
    throw new SqsError('MissingAuthenticationToken', 'Request is missing Authentication Token')
  if (more.length > 0) throw incomplete('The request has more than one Authorization header.')
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
  const dated = headers.has('x-amz-date') ? 'x-amz-date' : 'date'
  const date = headers.get(dated)?.[0]
  if (date === undefined)
    throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
  return { ...credentials(need('Credential'), basicDate(date), need('SignedHeaders'), need('Signature')), dated }
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
  const expires = need('X-Amz-Expires')
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > LONGEST_EXPIRY)
    throw incomplete(`X-Amz-Expires must be a number of seconds from 1 to ${LONGEST_EXPIRY}.`)
  return {
    ...credentials(need('X-Amz-Credential'), need('X-Amz-Date'), need('X-Amz-SignedHeaders'), need('X-Amz-Signature')),
    expires: Number(expires) * 1000,
  }
}

function credentials(credential: string, date: string, signedHeaders: string, signature: string): Credentials {
  const scope = credential.split('/')
  const [keyId, day, region, service, end] = scope
  if (!keyId || !day || !region || !service || !end || scope.length !== 5)
    throw incomplete('Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.')
  const time = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
  const at = time ? Date.parse(`${time[1]}-${time[2]}-${time[3]}T${time[4]}:${time[5]}:${time[6]}Z`) : NaN
  if (Number.isNaN(at)) throw incomplete("Date must be in ISO-8601 'basic format', such as 20260102T030405Z.")
  if (!/^[0-9a-f]{64}$/.test(signature)) throw incomplete('Signature must be 64 hexadecimal digits in small letters.')
  return { keyId, day, region, service, end, date, at, signedHeaders, names: signedHeaders.split(';'), signature }
}

function incomplete(message: string): SqsError {
  return new SqsError('IncompleteSignature', message)
}
