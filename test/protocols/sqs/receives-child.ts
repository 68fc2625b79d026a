/** Receives that wait, each on a connection of its own, until it is killed: node receives-child.ts PORT QUEUE-URL COUNT */
import { connect } from 'node:net'

const [port, QueueUrl, count] = process.argv.slice(2)
const body = JSON.stringify({ QueueUrl, WaitTimeSeconds: 20 })
const head = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n`
for (let i = 0; i < Number(count); i++)
  connect(Number(port), '127.0.0.1').write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
