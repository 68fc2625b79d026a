/** What is wrong with a request by its head alone. */
import type { IncomingMessage } from 'node:http'
import { MOST_BODY, MOST_HEADERS, SMALL_BODY } from './limits.ts'
import type { SignedRequest } from './signature.ts'
import { SqsError } from './sqs-error.ts'

type Head = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'rawHeaders' | 'httpVersionMinor'>

/**
 * @param admit throws an SqsError for who may not send a large body
 * @param open nobody is asked for a key
 */
export function refusalOf(
  { method, url = '', headers, rawHeaders, httpVersionMinor }: Head,
  admit?: (head: Pick<SignedRequest, 'url' | 'rawHeaders'>) => void,
  open = false,
): SqsError | undefined {
  if (rawHeaders.length > 2 * MOST_HEADERS) return new SqsError('MalformedInput', 'The headers are too many.')
  if (method !== 'POST' && method !== 'GET' && method !== 'HEAD')
    return new SqsError('MethodNotAllowed', 'Use POST, or GET.')
  // No SDK says so, and every browser does: a page from elsewhere must not work the queues of who looks at it.
  if (headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none')
    return new SqsError('AccessDenied', 'Pages in a browser may not use this service.')
  // But for a GET to where the page itself came from, which may be a name that its owner lets lead here meanwhile (DNS rebinding).
  if (open && method === 'GET' && url !== '/health' && isDomain(headers.host))
    return new SqsError('AccessDenied', 'Nobody is asked for a key here: use POST, or call this server by its address.')
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
    return new SqsError('UnsupportedMediaType', 'Send the body as it is: no Content-Encoding is taken.')
  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    // What stood before this server may have understood it otherwise (RFC 9112, section 6.1).
    if (httpVersionMinor === 0) return new SqsError('MalformedInput', 'HTTP/1.0 has no Transfer-Encoding.')
    if (coding.toLowerCase() !== 'chunked')
      return new SqsError('UnsupportedMediaType', 'The only Transfer-Encoding that is taken is chunked.')
  }
  const hosts = hostsOf(rawHeaders)
  if (hosts > 1) return new SqsError('MalformedInput', 'The request has more than one Host.')
  if (hosts === 0 && httpVersionMinor > 0) return new SqsError('MalformedInput', 'The request has no Host.')
  // Chunks don't say how many they will be.
  const size = coding === undefined ? Number(headers['content-length'] ?? 0) : SMALL_BODY + 1
  if (size > MOST_BODY) return tooLarge()
  if (size <= SMALL_BODY || !admit) return undefined
  try {
    admit({ url, rawHeaders })
    return undefined
  } catch (error) {
    if (error instanceof SqsError) return error
    throw error
  }
}

export function tooLarge(): SqsError {
  return new SqsError('RequestEntityTooLarge', `A request's body has at most ${MOST_BODY} bytes.`)
}

/** A name that anybody may have registered: no address, and not of a network of one's own. */
function isDomain(host = ''): boolean {
  const name = host.replace(/:\d*$/, '')
  return name.includes('.') && !/^(?:\[.*\]|[\d.]+|.*\.localhost)$/i.test(name)
}

function hostsOf(rawHeaders: readonly string[]): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === 'host') count++
  }
  return count
}
