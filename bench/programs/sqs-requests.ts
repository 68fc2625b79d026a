import { createHash, createHmac } from 'node:crypto'
import { BODY } from '../body.ts'

/** An access key. */
export interface Signer {
  id: string
  secret: string
}

const REGION = 'us-east-1'
const TYPE = 'application/x-amz-json-1.0'
/** What boto3 signs, too. */
const SIGNED = 'content-type;host;x-amz-date;x-amz-target'

/** Requests of SQS in AWS JSON 1.0 as bytes, ready to be written; signed with Signature Version 4 where there is a key. */
export class SqsRequests {
  readonly #host: string
  readonly #signer: Signer | undefined

  constructor(port: number, signer?: Signer) {
    this.#host = `127.0.0.1:${port}`
    this.#signer = signer
  }

  of(action: string, input: object): Buffer {
    const target = `AmazonSQS.${action}`
    const body = Buffer.from(JSON.stringify(input))
    const head = [
      'POST / HTTP/1.1',
      `Host: ${this.#host}`,
      `Content-Type: ${TYPE}`,
      `X-Amz-Target: ${target}`,
      ...(this.#signer ? this.#signature(this.#signer, target, body) : []),
      `Content-Length: ${body.length}`,
    ]
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
  }

  /** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
  #signature({ id, secret }: Signer, target: string, body: Buffer): string[] {
    const date = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
    const scope = [date.slice(0, 8), REGION, 'sqs', 'aws4_request']
    const headers = `content-type:${TYPE}\nhost:${this.#host}\nx-amz-date:${date}\nx-amz-target:${target}\n`
    const digest = sha256(`POST\n/\n\n${headers}\n${SIGNED}\n${sha256(body)}`)
    const key = scope.reduce((key: string | Buffer, part) => hmac(key, part), `AWS4${secret}`)
    const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope.join('/')}\n${digest}`).toString('hex')
    return [
      `X-Amz-Date: ${date}`,
      `Authorization: AWS4-HMAC-SHA256 Credential=${id}/${scope.join('/')}, SignedHeaders=${SIGNED}, Signature=${signature}`,
    ]
  }
}

/** What every job carries, with a number of its own: `messageNumber` finds it in an answer. @param n less than a million */
export const messageBody = (n: number): string => TEXT.replace('123456', String(n).padStart(6, '0'))
const TEXT = BODY.toString()

/** @param answer of a receive; undefined: it has no message */
export function messageNumber(answer: Buffer): number | undefined {
  const found = /\\"n\\":(\d{6})/.exec(answer.toString('latin1'))
  return found ? Number(found[1]) : undefined
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
