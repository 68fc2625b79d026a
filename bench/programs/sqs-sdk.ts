/** The whole life of messages by AWS's own SDK: node sqs-sdk.ts ORDER, a SqsOrder in JSON. Its last line is LoadFigures in JSON; a job is a message. */
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
  type BatchResultErrorEntry,
} from '@aws-sdk/client-sqs'
import { meter } from './meter.ts'
import type { SqsOrder } from './sqs-load.ts'
import { messageBody } from './sqs-requests.ts'

const BATCH = 10
/** Different messages that are sent in turn. */
const DIFFERENT = 1000

const order = JSON.parse(process.argv[2] ?? '') as SqsOrder
const { id, secret } = order.signer ?? { id: 'anything', secret: 'anything' }
const client = new SQSClient({
  endpoint: `http://127.0.0.1:${order.port}`,
  region: 'us-east-1',
  credentials: { accessKeyId: id, secretAccessKey: secret },
})
const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: `bench-${Date.now()}` }))
const batches = Array.from({ length: DIFFERENT / BATCH }, (_, batch) =>
  Array.from({ length: BATCH }, (_, i) => ({ Id: String(i), MessageBody: messageBody(batch * BATCH + i) })),
)

let next = 0
let jobs = 0
let ends = false
const lives = Array.from({ length: order.connections }, live)
const figures = await meter(order, [order.pid], () => jobs)
ends = true
await Promise.all(lives)
await client.send(new DeleteQueueCommand({ QueueUrl }))
client.destroy()
console.log(JSON.stringify(figures))

async function live(): Promise<void> {
  while (!ends) {
    const sent = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries: batches[next++ % batches.length] }))
    refuseFailed(sent.Failed)
    const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: BATCH }))
    if (Messages.length === 0) continue
    const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }))
    const deleted = await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
    refuseFailed(deleted.Failed)
    jobs += Messages.length
  }
}

function refuseFailed(failed: readonly BatchResultErrorEntry[] = []): void {
  if (failed.length > 0) throw new Error(`The server refused ${JSON.stringify(failed[0])}.`)
}
