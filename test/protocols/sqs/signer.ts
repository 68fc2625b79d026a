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
  signer: Signer,
  date: string,
  { leave }: { leave?: string } = {},
): SignedRequest {
  const basic = basicDate(new Date(date).getTime() || Date.UTC(2026, 0, 2, 3, 4, 5))
  const all: Record<string, string> = { ...headers, date, host: HOST }
  const names = Object.keys(all)
    .filter((name) => name !== leave)
    .sort()
  const signed = names.map((name) => `${name}:${all[name]}\n`).join('')
  const canonical = `${method}\n${path}\n\n${signed}\n${names.join(';')}\n${sha256(body)}`
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential(signer, basic)}, SignedHeaders=${names.join(';')}, Signature=${signature(signer, basic, canonical)}`
  return { method, url: path, rawHeaders: Object.entries({ ...all, authorization }).flat(), body: Buffer.from(body) }
}

/** As a URL that doesn't say for how long it is valid, as signers make it that aren't AWS's own. */
export function unlimited(path: string, query: string, signer: Signer, at: number): SignedRequest {
  const basic = basicDate(at)
  const all = `${query}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(credential(signer, basic))}&X-Amz-Date=${basic}&X-Amz-SignedHeaders=host`
  const canonical = `GET\n${path}\n${all}\nhost:${HOST}\n\nhost\n${sha256('')}`
  const url = `${path}?${all}&X-Amz-Signature=${signature(signer, basic, canonical)}`
  return { method: 'GET', url, rawHeaders: ['Host', HOST], body: Buffer.alloc(0) }
}

function basicDate(at: number): string {
  return new Date(at).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
}

function scopeOf({ region = 'us-east-1', service = 'sqs' }: Signer, basic: string): string[] {
  return [basic.slice(0, 8), region, service, 'aws4_request']
}

function credential(signer: Signer, basic: string): string {
  return `${signer.id}/${scopeOf(signer, basic).join('/')}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function signature(signer: Signer, basic: string, canonical: string): string {
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
  const scope = scopeOf(signer, basic)
  const key = scope.reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${signer.secret}`)
  return hmac(key, `AWS4-HMAC-SHA256\n${basic}\n${scope.join('/')}\n${sha256(canonical)}`).toString('hex')
}
