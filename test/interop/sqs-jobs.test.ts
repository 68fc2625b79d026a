/** One queue from three sides: docs/sqs.md says what a message is on each. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { BeanstalkdClient, defineJobs, job, open } from '../../src/index.ts'
import { needs } from '../needs.ts'

const run = promisify(execFile)
const client = join(import.meta.dirname, 'clients/sqs-jobs.py')
const jobs = defineJobs({ sendMail: job<{ to: string }>({ queue: 'mail' }) })

/** A message's id ends in its job's. */
const idOf = (messageId: string): number => Number.parseInt(messageId.replaceAll('-', '').slice(-15), 16)

if (needs('boto3'))
  test('a worker works what boto3 sent, boto3 receives what was put, and a beanstalkd client sees both', async () => {
    const queue = await open('memory:', { jobs })
    const { sqs = '', beanstalkd = '' } = await queue.listen({ sqs: 0, beanstalkd: 0 })
    const [host = '', port] = beanstalkd.split(':')
    const tube = await BeanstalkdClient.connect({ host, port: Number(port) })
    const boto3 = async <T>(what: 'fill' | 'take'): Promise<T> => {
      const { stdout } = await run('/usr/bin/python3', [client, sqs, what], { timeout: 60_000 })
      return JSON.parse(stdout) as T
    }
    const seen = async (id: number, ...names: string[]): Promise<(string | undefined)[]> => {
      const stats = await tube.statsJob(id)
      return names.map((name) => stats?.get(name))
    }
    try {
      const [ada = 0, zoe = 0, late = 0] = (await boto3<string[]>('fill')).map(idOf)
      assert.deepEqual(await seen(ada, 'tube', 'state', 'reserves', 'ttr'), ['mail', 'ready', '0', '30'])
      assert.deepEqual(await seen(late, 'state', 'delay'), ['delayed', '600'])
      assert.equal(
        Buffer.from((await tube.peek(zoe))?.body ?? '').toString(),
        '{"job": "sendMail", "args": {"to": "zöe 🐟"}}',
      )

      const done: [number, string][] = []
      const all = new Promise<void>((resolve) => {
        queue.on('done', () => {
          if (done.length === 2) resolve()
        })
      })
      const worker = queue.work({
        sendMail: ({ id, args }) => {
          done.push([Number(id), args.to])
        },
      })
      await all
      await worker.stop()
      assert.deepEqual(done.sort(), [
        [ada, 'ada'],
        [zoe, 'zöe 🐟'],
      ])
      assert.deepEqual(await seen(ada, 'state'), [undefined])

      const id = Number((await queue.put('sendMail', { to: 'grace' })).id)
      const { id: raw } = await tube.put('mail', Buffer.from([0, 255, 1]))
      const taken = await boto3<{ id: string; body: string; count: string; encoding: string | null }[]>('take')
      assert.deepEqual(
        taken.map((one) => ({ ...one, id: idOf(one.id) })),
        [
          { id, body: '{"job":"sendMail","args":{"to":"grace"}}', count: '1', encoding: null },
          { id: raw, body: 'AP8B', count: '1', encoding: 'base64' },
        ],
      )
      // The first was deleted there; the second is in flight, and no worker's.
      assert.deepEqual(await seen(id, 'state'), [undefined])
      assert.deepEqual(await seen(raw, 'state', 'reserves'), ['reserved', '1'])
    } finally {
      tube.close()
      await queue.close()
    }
  })
