/**
 * The limit: node sqs-canned.ts PORT, a bare server of node:http that parses the JSON of a request and answers always the same. A receive that is to wait is
 * held, and gets a message that is sent.
 */
import { createServer, type ServerResponse } from 'node:http'
import { BODY } from '../body.ts'

interface Asked {
  WaitTimeSeconds?: number
  MessageBody?: string
}

const ID = '5c3b1d0e-7a42-4f6e-9d1b-000000000001'
const MD5 = '0123456789abcdef0123456789abcdef'
const HANDLE = 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const ten = Array.from({ length: 10 }, (_, i) => String(i))
const said = { MessageId: ID, MD5OfMessageBody: MD5 }
const ANSWERS = new Map([
  ['AmazonSQS.CreateQueue', JSON.stringify({ QueueUrl: `http://127.0.0.1:${process.argv[2]}/000000000000/bench` })],
  ['AmazonSQS.SendMessage', JSON.stringify(said)],
  ['AmazonSQS.SendMessageBatch', JSON.stringify({ Successful: ten.map((Id) => ({ Id, ...said })), Failed: [] })],
  ['AmazonSQS.ReceiveMessage', received(ten.map(() => BODY.toString()))],
  ['AmazonSQS.DeleteMessageBatch', JSON.stringify({ Successful: ten.map((Id) => ({ Id })), Failed: [] })],
  ['AmazonSQS.DeleteQueue', '{}'],
])

/** Milliseconds that a connection may be idle: as Queueup has it. */
const IDLE = 75_000

const held: ServerResponse[] = []

createServer({ noDelay: true, keepAliveTimeout: IDLE }, (req, res) => {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => {
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    const { WaitTimeSeconds, MessageBody } = JSON.parse(body.toString()) as Asked
    if (WaitTimeSeconds !== undefined) return void held.push(res)
    answer(res, ANSWERS.get(req.headers['x-amz-target'] as string) as string)
    const waits = MessageBody === undefined ? undefined : held.shift()
    if (waits) answer(waits, received([MessageBody as string]))
  })
}).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 1024 })

function received(bodies: readonly string[]): string {
  return JSON.stringify({
    Messages: bodies.map((Body) => ({ MessageId: ID, ReceiptHandle: HANDLE, MD5OfBody: MD5, Body })),
  })
}

function answer(res: ServerResponse, body: string): void {
  const length = String(Buffer.byteLength(body))
  res.writeHead(200, ['x-amzn-RequestId', ID, 'Content-Type', 'application/x-amz-json-1.0', 'Content-Length', length])
  res.end(body)
}
