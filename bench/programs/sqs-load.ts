/** A load on a server of SQS's protocol: node sqs-load.ts ORDER, a SqsOrder in JSON. Its last line is LoadFigures in JSON; a job is a message. */
import { HttpConnection } from './http-connection.ts'
import { meter } from './meter.ts'
import { messageBody, SqsRequests, type Signer } from './sqs-requests.ts'

export interface SqsOrder {
  port: number
  /** The process whose CPU time is taken. */
  pid: number
  /** Without it nothing is signed. */
  signer?: Signer
  /** One message after another is sent, or ten in a batch are sent, received and deleted. */
  life: 'send' | 'whole'
  /** Each with one request at a time. */
  connections: number
  /** Milliseconds that aren't measured, and that are. */
  warm: number
  ms: number
}

const BATCH = 10
/** Different messages that are sent in turn, each signed once, before it begins. */
const DIFFERENT = 1000

const order = JSON.parse(process.argv[2] ?? '') as SqsOrder
const fail = (error: Error): never => {
  console.error(error)
  process.exit(1)
}
const requests = new SqsRequests(order.port, order.signer)
const connections = await Promise.all(
  Array.from({ length: order.connections }, () => HttpConnection.open(order.port, fail)),
)
const [first] = connections as [HttpConnection]
const made = await first.asked(requests.of('CreateQueue', { QueueName: `bench-${Date.now()}` }))
const { QueueUrl } = JSON.parse(made) as { QueueUrl: string }
const messages = Array.from({ length: DIFFERENT }, (_, n) => messageBody(n))

let jobs = 0
let ends = false
const run = order.life === 'send' ? sending() : wholeLife()
const lives = connections.map((connection) => new Promise<void>((resolve) => run(connection, resolve)))
const figures = await meter(order, [order.pid], () => jobs)
ends = true
await Promise.all(lives)
await first.asked(requests.of('DeleteQueue', { QueueUrl }))
for (const connection of connections) connection.close()
console.log(JSON.stringify(figures))

type Life = (connection: HttpConnection, ended: () => void) => void

function sending(): Life {
  const sends = messages.map((MessageBody) => requests.of('SendMessage', { QueueUrl, MessageBody }))
  let next = 0
  return (connection, ended) => {
    const send = (): void => connection.ask(sends[next++ % sends.length] as Buffer, sent)
    const sent = (): void => {
      jobs++
      if (ends) ended()
      else send()
    }
    send()
  }
}

function wholeLife(): Life {
  const sends = Array.from({ length: DIFFERENT / BATCH }, (_, i) => {
    const some = messages.slice(i * BATCH, (i + 1) * BATCH)
    const Entries = some.map((MessageBody, i) => ({ Id: String(i), MessageBody }))
    return requests.of('SendMessageBatch', { QueueUrl, Entries })
  })
  const receive = requests.of('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: BATCH })
  let next = 0
  return (connection, ended) => {
    let handles: string[] = []
    const begin = (): void => {
      if (ends) ended()
      else connection.ask(sends[next++ % sends.length] as Buffer, sent)
    }
    const sent = (answer: Buffer): void => {
      refuseFailed(answer)
      connection.ask(receive, received)
    }
    const received = (answer: Buffer): void => {
      handles = handlesIn(answer)
      // Others were faster.
      if (handles.length === 0) return begin()
      const Entries = handles.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }))
      connection.ask(requests.of('DeleteMessageBatch', { QueueUrl, Entries }), deleted)
    }
    const deleted = (answer: Buffer): void => {
      refuseFailed(answer)
      jobs += handles.length
      begin()
    }
    begin()
  }
}

function refuseFailed(answer: Buffer): void {
  if (answer.includes('"Failed":[{')) fail(new Error(`The server answered ${answer.toString()}`))
}

function handlesIn(answer: Buffer): string[] {
  return [...answer.toString('latin1').matchAll(/"ReceiptHandle":"([^"]+)"/g)].map(([, handle]) => handle as string)
}
