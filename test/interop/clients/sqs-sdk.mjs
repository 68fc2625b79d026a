// The SDK for JavaScript, and sqs-consumer on it. usage: node sqs-sdk.mjs ENDPOINT
import * as sdk from '@aws-sdk/client-sqs'
import { Consumer } from 'sqs-consumer'

const sqs = new sdk.SQSClient({
  endpoint: process.argv[2],
  region: 'us-east-1',
  credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
})
const { QueueUrl } = await sqs.send(new sdk.CreateQueueCommand({ QueueName: 'sdk' }))
await sqs.send(
  new sdk.SendMessageCommand({
    QueueUrl,
    MessageBody: 'h\u00e4llo',
    MessageAttributes: { b: { DataType: 'Binary', BinaryValue: Uint8Array.of(1, 2) } },
  }),
)
const received = await sqs.send(new sdk.ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ['All'] }))
const [message] = received.Messages
console.log(message.Body, [...message.MessageAttributes.b.BinaryValue].join())
await sqs.send(new sdk.DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }))
console.log((await sqs.send(new sdk.ReceiveMessageCommand({ QueueUrl }))).Messages)
try {
  await sqs.send(new sdk.GetQueueUrlCommand({ QueueName: 'none' }))
} catch (error) {
  console.log(error instanceof sdk.QueueDoesNotExist, error.name)
}
await sqs.send(
  new sdk.SendMessageBatchCommand({
    QueueUrl,
    Entries: ['1', '2', '3'].map((Id) => ({ Id, MessageBody: `consumed ${Id}` })),
  }),
)
const bodies = []
const consumer = Consumer.create({
  queueUrl: QueueUrl,
  sqs,
  batchSize: 10,
  waitTimeSeconds: 1,
  handleMessage: async (one) => {
    bodies.push(one.Body)
    return one
  },
})
consumer.on('error', (error) => console.log(error))
consumer.start()
const counts = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible']
for (let left = 1; bodies.length < 3 || left > 0;) {
  const { Attributes } = await sqs.send(new sdk.GetQueueAttributesCommand({ QueueUrl, AttributeNames: counts }))
  left = counts.reduce((sum, name) => sum + Number(Attributes[name]), 0)
}
// Not aborted: a poll that is under way then would be told as an error.
consumer.stop()
console.log(bodies.sort().join())
