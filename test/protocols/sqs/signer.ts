/** Requests as AWS's own signer for JavaScript signs them. */
import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import type { SignedRequest } from '../../../src/protocols/sqs/signature.ts'

export interface Unsigned {
  method: string
  path: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: string
}

export interface Signer {
  id: string
  secret: string
  region?: string
  service?: string
}

export const HOST = 'queue.example.com:9324'

class Sha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytes(key))
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytes(data))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }

  reset(): void {
    throw new Error('not needed')
  }
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data)
}

function signerOf({ id, secret, region = 'us-east-1', service = 'sqs' }: Signer): SignatureV4 {
  return new SignatureV4({
    region,
    service,
    credentials: { accessKeyId: id, secretAccessKey: secret },
    sha256: Sha256,
  })
}

function requestOf({ method, path, query = {}, headers = {}, body = '' }: Unsigned) {
  return {
    method,
    protocol: 'http:',
    hostname: 'queue.example.com',
    port: 9324,
    path,
    query,
    headers: { host: HOST, ...headers },
    body,
  }
}

function onTheWire(request: {
  method: string
  path: string
  query?: Record<string, unknown>
  headers: Record<string, string>
  body?: unknown
}): SignedRequest {
  const query = Object.entries(request.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value as string)}`,
  )
  return {
    method: request.method,
    url: query.length === 0 ? request.path : `${request.path}?${query.join('&')}`,
    rawHeaders: Object.entries(request.headers).flat(),
    body: Buffer.from((request.body as string | undefined) ?? ''),
  }
}

/** With an Authorization header. */
export async function sign(request: Unsigned, signer: Signer, at: number): Promise<SignedRequest> {
  return onTheWire(await signerOf(signer).sign(requestOf(request), { signingDate: new Date(at) }))
}

/** As a URL that is valid for so many seconds. */
export async function presign(
  request: Unsigned,
  signer: Signer,
  at: number,
  expiresIn: number,
): Promise<SignedRequest> {
  return onTheWire(await signerOf(signer).presign(requestOf(request), { signingDate: new Date(at), expiresIn }))
}

/** With an Authorization header and a header Date, which AWS's own signers no longer send. `leave`: a header that isn't signed. */
export function dated(
  { method, path, headers = {}, body = '' }: Unsigned,
  { id, secret, region = 'us-east-1', service = 'sqs' }: Signer,
  date: string,
  { leave }: { leave?: string } = {},
): SignedRequest {
  const at = new Date(date).getTime() || Date.UTC(2026, 0, 2, 3, 4, 5)
  const basic = new Date(at).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
  const all: Record<string, string> = { ...headers, date, host: HOST }
  const names = Object.keys(all)
    .filter((name) => name !== leave)
    .sort()
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
  const signed = names.map((name) => `${name}:${all[name]}\n`).join('')
  const digest = hash(`${method}\n${path}\n\n${signed}\n${names.join(';')}\n${hash(body)}`)
  const scope = [basic.slice(0, 8), region, service, 'aws4_request']
  const key = scope.reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${secret}`)
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${basic}\n${scope.join('/')}\n${digest}`).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return { method, url: path, rawHeaders: Object.entries({ ...all, authorization }).flat(), body: Buffer.from(body) }
}
