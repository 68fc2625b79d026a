import type { TestContext } from 'node:test'
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  type SQSClientConfig,
} from '@aws-sdk/client-sqs'
import { askForKeys, SqsServer, type SqsOptions } from '../../../src/protocols/sqs/index.ts'
import { openKept, type Kept } from '../../access/kept.ts'
import type { Signer } from './signer.ts'

export interface Guarded extends Kept {
  server: SqsServer
  port: number
  errors: Error[]
  /** A user with these permissions, as the SDK's client. */
  client(name: string, ...permissions: string[]): Promise<Client>
}

export interface Client {
  sqs: SQSClient
  key: Signer
  /** The URL of a queue of this server. */
  url(queue: string): string
  create(queue: string, attributes?: Record<string, string>): Promise<unknown>
  send(queue: string, body?: string): Promise<unknown>
  receive(queue: string): Promise<string[]>
}

/** A server that asks for keys, over the memory store, for as long as the test runs. */
export async function guard(t: TestContext, options: Partial<SqsOptions> = {}): Promise<Guarded> {
  const kept = await openKept()
  const errors: Error[] = []
  const server = new SqsServer({
    broker: kept.broker,
    ...askForKeys(kept.access, 'us-east-1'),
    onError: (error) => errors.push(error),
    ...options,
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const origin = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`
  const clients: SQSClient[] = []
  t.after(async () => {
    for (const client of clients) client.destroy()
    await server.close()
    await kept.broker.close()
  })
  return {
    ...kept,
    server,
    port,
    errors,
    async client(name, ...permissions) {
      const made = await kept.users.add(name, permissions)
      if (!made) throw new Error(`there is a ${name}`)
      await kept.broker.records.refresh()
      const sqs = sdk(origin, made)
      clients.push(sqs)
      const url = (queue: string): string => `${origin}/000000000000/${queue}`
      return {
        sqs,
        key: made,
        url,
        create: (queue, Attributes) =>
          sqs.send(new CreateQueueCommand({ QueueName: queue, ...(Attributes && { Attributes }) })),
        send: (queue, body = 'hello') => sqs.send(new SendMessageCommand({ QueueUrl: url(queue), MessageBody: body })),
        receive: async (queue) => {
          const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url(queue) }))
          return Messages.map(({ Body = '' }) => Body)
        },
      }
    },
  }
}

/** One try each. */
export function sdk(endpoint: string, { id, secret }: Signer, more: SQSClientConfig = {}): SQSClient {
  return new SQSClient({
    region: 'us-east-1',
    endpoint,
    credentials: { accessKeyId: id, secretAccessKey: secret },
    maxAttempts: 1,
    ...more,
  })
}
