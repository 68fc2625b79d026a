import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createBroker } from '../../src/broker/store-broker.ts'
import { SqsServer } from '../../src/protocols/sqs/index.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { needs, type Peer } from '../needs.ts'

const clients: readonly { name: string; command: string; program: string; needs?: Peer; says: string }[] = [
  {
    name: 'boto3',
    command: '/usr/bin/python3',
    program: 'sqs-boto3.py',
    needs: 'boto3',
    says: `'h\\xe4llo "<&>\\r\\n' b'\\x00\\x01' 1
False
['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9']
10
{'a': 'b'} 5
AWS.SimpleQueueService.NonExistentQueue QueueDoesNotExist
True ['1', '2']
['boto', 'boto.fifo']
`,
  },
  {
    name: "the article's programs",
    command: '/usr/bin/python3',
    program: 'sqs-article.py',
    needs: 'boto3',
    says: `${'Sent SQS message ID: 36\n'.repeat(5)}SQS: Message ID: 36, Contents: SQS message #1
SQS: Message ID: 36, Contents: SQS message #2
`,
  },
  { name: 'kombu', command: '/usr/bin/python3', program: 'sqs-kombu.py', needs: 'kombu', says: "{'a': 1}\n0\n" },
  {
    name: "Celery's worker, and a retry",
    command: '/usr/bin/python3',
    program: 'sqs-celery.py',
    needs: 'celery',
    says: "['0', '2', '4']\n",
  },
  {
    name: 'the SDK for Ruby',
    command: 'ruby',
    program: 'sqs.rb',
    needs: 'rubysdk',
    says: '1\n7\nhello\ntrue\ntrue\nnone\n',
  },
  {
    name: 'the SDK for JavaScript, and sqs-consumer',
    command: process.execPath,
    program: 'sqs-sdk.mjs',
    says: 'hällo 1,2\nundefined\ntrue QueueDoesNotExist\nconsumed 1,consumed 2,consumed 3\n',
  },
]

const run = promisify(execFile)

describe("other people's SQS clients", { concurrency: true }, () => {
  for (const { name, command, program, says, needs: peer } of clients) {
    if (peer && !needs(peer)) continue
    it(name, async () => {
      const broker = createBroker({ store: openMemory() })
      const server = new SqsServer({ broker })
      try {
        const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
        const path = fileURLToPath(new URL(`clients/${program}`, import.meta.url))
        const { stdout } = await run(command, [path, `http://127.0.0.1:${port}`], {
          timeout: 60_000,
          env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
        })
        assert.equal(stdout, says)
      } finally {
        await server.close()
        await broker.close()
      }
    })
  }
})
