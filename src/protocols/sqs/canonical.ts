/** Path and query in the one form that a signature is made of. */
import { SqsError } from './sqs-error.ts'

/** A query in canonical form, and what it says. */
export interface CanonicalQuery {
  /** Without the signature itself. */
  text: string
  /** The parameters of the signature, decoded, by name: `X-Amz-Date`. A name that comes twice has both values. */
  signature: ReadonlyMap<string, readonly string[]>
}

const NONE: CanonicalQuery = { text: '', signature: new Map() }

const PLAIN_PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*\/?$/

/** As every service but S3 has it: dot segments and empty ones taken out (RFC 3986, section 5.2.4), then what is left encoded once more. */
export function canonicalPath(path: string): string {
  if (PLAIN_PATH.test(path)) return path === '' ? '/' : path
  checkAscii(path)
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const end = path.endsWith('/') && segments.length > 0 ? '/' : ''
  return `/${segments.map(encode).join('/')}${end}`
}

/** Names and values decoded, encoded anew, and in order. */
export function canonicalQuery(raw: string): CanonicalQuery {
  if (raw === '') return NONE
  checkAscii(raw)
  const signature = new Map<string, string[]>()
  const pairs: [string, string][] = []
  for (const piece of raw.split('&')) {
    if (piece === '') continue
    const equals = piece.indexOf('=')
    const name = decode(equals < 0 ? piece : piece.slice(0, equals))
    const value = decode(equals < 0 ? '' : piece.slice(equals + 1))
    if (name.startsWith('X-Amz-')) signature.set(name, [...(signature.get(name) ?? []), value])
    if (name !== 'X-Amz-Signature') pairs.push([encode(name), encode(value)])
  }
  pairs.sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
  return { text: pairs.map(([name, value]) => `${name}=${value}`).join('&'), signature }
}

/** RFC 3986: all but letters, digits and -._~ */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** As forms are decoded: a plus is a space. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new SqsError('IncompleteSignature', 'The query of the request is not percent-encoded UTF-8.')
  }
}

function checkAscii(text: string): void {
  if (/[^\x21-\x7e]/.test(text))
    throw new SqsError('IncompleteSignature', 'The path and query of a request must be percent-encoded.')
}
