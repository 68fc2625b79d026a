import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { needs } from '../needs.ts'
import { guard } from '../protocols/sqs/guarded.ts'

const run = promisify(execFile)
const client = join(import.meta.dirname, 'clients/sqs-signed.py')

if (needs('boto3')) {
  test("Debian's boto3 works with an access key, and a link that it presigned", async (t) => {
    const guarded = await guard(t)
    const { key } = await guarded.client('web', 'all:mail')
    const endpoint = `http://127.0.0.1:${guarded.port}`
    const { stdout } = await run('/usr/bin/python3', [client, endpoint, key.id, key.secret], { timeout: 60_000 })
    assert.equal(stdout, 'ok\n')
    assert.deepEqual(guarded.errors, [])
  })

  test("Debian's awscli works with an access key, and is refused without", async (t) => {
    const guarded = await guard(t)
    const { key } = await guarded.client('web', 'all:mail')
    const aws = (secret: string, ...args: string[]): Promise<{ stdout: string }> =>
      run('/usr/bin/aws', ['--endpoint-url', `http://127.0.0.1:${guarded.port}`, 'sqs', ...args], {
        timeout: 60_000,
        env: {
          PATH: '/usr/bin',
          AWS_ACCESS_KEY_ID: key.id,
          AWS_SECRET_ACCESS_KEY: secret,
          AWS_DEFAULT_REGION: 'us-east-1',
          AWS_MAX_ATTEMPTS: '1',
        },
      })
    const { stdout } = await aws(key.secret, 'create-queue', '--queue-name', 'mail')
    assert.match(stdout, /\/000000000000\/mail"/)
    await assert.rejects(aws('another secret', 'list-queues'), /SignatureDoesNotMatch/)
    await assert.rejects(aws(key.secret, 'create-queue', '--queue-name', 'other'), /AccessDenied/)
  })
}
