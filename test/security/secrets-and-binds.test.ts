/** RabbitMQ's CVE-2025-50200, Celery #9997: secrets in logs. And: nothing listens beyond this machine, or without asking for a key there, unless it is asked by name. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CreateQueueCommand, ListQueuesCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { defineJobs, job, open } from '../../src/index.ts'
import { queueup, Served } from '../cli/cli.ts'
import { needs } from '../needs.ts'
import { sdk } from '../protocols/sqs/guarded.ts'

const folder = mkdtempSync(join(tmpdir(), 'queueup-secrets-'))
after(() => rmSync(folder, { recursive: true, maxRetries: 5 }))

const PASSPHRASE = 'the-key-that-encrypts-the-keys'
const BODY = 'the-body-of-a-message'
const env = { QUEUEUP_SECRET_KEY: PASSPHRASE }

function sqsPort(log: string): number {
  return Number(/"protocol":"sqs","address":"[^"]*:(\d+)"/.exec(log)?.[1])
}

test('a server that asks for keys says no secret: not in its log, its output, its answers, its command line or its file', async () => {
  const made = JSON.parse((await queueup(folder, ['user', 'add', 'web', 'all:*', '--json'], { env })).out) as {
    id: string
    secret: string
  }
  const args = ['serve', '--beanstalkd', '127.0.0.1:0', '--sqs', '127.0.0.1:0', '--sqs-auth', 'on', '--log', 'debug']
  const served = await Served.start(folder, args, env)
  await served.says('"protocol":"sqs"')
  const port = sqsPort(served.log)
  const answers: string[] = []
  try {
    const origin = `http://127.0.0.1:${port}`
    const client = sdk(origin, made)
    await client.send(new CreateQueueCommand({ QueueName: 'mail' }))
    await client.send(new SendMessageCommand({ QueueUrl: `${origin}/000000000000/mail`, MessageBody: BODY }))
    for (const wrong of [
      { ...made, id: 'NOSUCHKEY' },
      { ...made, secret: 'another-secret-that-is-wrong' },
    ]) {
      const other = sdk(origin, wrong)
      await assert.rejects(other.send(new ListQueuesCommand({})), (error: Error) => {
        answers.push(JSON.stringify(error), error.message)
        return true
      })
      other.destroy()
    }
    client.destroy()
    for (const authorization of ['', `AWS4-HMAC-SHA256 Credential=${made.secret}`, `Bearer ${made.secret}`]) {
      const answer = await fetch(`${origin}/?Action=ListQueues`, { headers: { authorization } })
      answers.push(await answer.text())
      assert.ok([400, 403].includes(answer.status))
    }
    if (process.platform === 'linux') answers.push(readFileSync(`/proc/${served.child.pid}/cmdline`, 'latin1'))
  } finally {
    assert.equal(await served.stop(), 0)
  }
  const said = [served.log, served.out, ...answers, readFileSync(join(folder, 'queueup.db'), 'latin1')]
  for (const text of said) for (const secret of [made.secret, PASSPHRASE]) assert.ok(!text.includes(secret))
  for (const text of [served.log, served.out]) assert.ok(!text.includes(BODY))
})

test('a server whose secrets are encrypted does not start without their key, or with another, and says so', async () => {
  const args = ['serve', '--beanstalkd', '127.0.0.1:0', '--sqs', '127.0.0.1:0', '--sqs-auth', 'on']
  await queueup(folder, ['user', 'add', 'first', 'all:*'], { env })
  for (const wrong of [{ QUEUEUP_SECRET_KEY: '' }, { QUEUEUP_SECRET_KEY: 'another-key-that-is-wrong' }]) {
    const { code, error } = await queueup(folder, args, { env: wrong })
    assert.equal(code, 1)
    assert.match(error, /QUEUEUP_SECRET_KEY/)
    assert.doesNotMatch(error, /another-key/)
  }
})

test('listens on this machine only by default, and asks for a key wherever others can reach it', async () => {
  const check = async (...args: string[]): Promise<Record<string, unknown>> =>
    JSON.parse((await queueup(folder, ['serve', '--check', ...args])).out) as Record<string, unknown>
  const [usual, wide, both, named] = await Promise.all([
    check('--sqs'),
    check('--sqs', '0.0.0.0:9324'),
    check('--sqs', '127.0.0.1:9324', '[::]:9324'),
    check('--sqs', '0.0.0.0:9324', '--sqs-auth', 'off'),
  ])
  assert.deepEqual(usual['beanstalkd'], ['127.0.0.1:11300'])
  assert.deepEqual([usual['sqs'], usual['sqsAuth']], [['127.0.0.1:9324'], 'off'])
  for (const open of [wide, both]) assert.equal(open['sqsAuth'], 'on')
  assert.equal(named['sqsAuth'], 'off')
  assert.equal((await queueup(folder, ['serve', '--check', '--sqs-auth', 'maybe'])).code, 2)
})

test('a program that listens where others can reach it asks for a key, too', async (t) => {
  const queue = await open('memory:', { jobs: defineJobs({ mail: job() }) })
  t.after(() => queue.close())
  for (const [at, status] of [
    ['127.0.0.1:0', 200],
    ['0.0.0.0:0', 403],
  ] as const) {
    const listening = await queue.listen({ sqs: at })
    const answer = await fetch(`${listening.sqs?.replace('0.0.0.0', '127.0.0.1')}/?Action=ListQueues`)
    assert.equal(answer.status, status)
    await answer.text()
    await listening.close()
  }
})

if (needs('openssl'))
  test('takes a renewed certificate at SIGHUP, and keeps the one it has when the new one is none', async () => {
    const [cert, key] = ['queue.crt', 'queue.key']
    const make = (name: string): void =>
      void execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
          ...['-subj', `/CN=${name}`, '-keyout', key, '-out', cert],
        ],
        { cwd: folder, stdio: 'ignore' },
      )
    make('first')
    const args = ['serve', '--store', 'memory:', '--beanstalkd', '127.0.0.1:0', '--sqs', '127.0.0.1:0']
    const served = await Served.start(folder, [...args, '--sqs-tls-cert', cert, '--sqs-tls-key', key])
    try {
      await served.says('"protocol":"sqs"')
      make('second')
      served.child.kill('SIGHUP')
      await served.says('took the certificate anew')
      rmSync(join(folder, cert))
      served.child.kill('SIGHUP')
      await served.says('the certificate stays as it was')
    } finally {
      assert.equal(await served.stop(), 0)
    }
  })
