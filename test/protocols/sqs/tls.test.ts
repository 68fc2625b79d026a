import assert from 'node:assert/strict'
import { Agent, request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { describe, test } from 'node:test'
import { connect, type SecureVersion, type TLSSocket } from 'node:tls'
import { CreateQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { needs } from '../../needs.ts'
import { certificate } from './certificate.ts'
import { guard, sdk } from './guarded.ts'

if (needs('openssl'))
  describe('SQS over TLS', () => {
    const tls = certificate('first')

    const handshake = (port: number, options: { maxVersion?: SecureVersion; minVersion?: SecureVersion } = {}) =>
      new Promise<TLSSocket>((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () =>
          resolve(socket),
        )
        socket.once('error', reject)
      })
    const subject = async (port: number): Promise<string> => {
      const socket = await handshake(port)
      const { CN } = socket.getPeerCertificate().subject
      socket.destroy()
      return String(CN)
    }

    test('serves the SDK, whose queue URLs begin with https', async (t) => {
      const guarded = await guard(t, { tls })
      const { key } = await guarded.client('web', 'all:*')
      const client = sdk(`https://127.0.0.1:${guarded.port}`, key, {
        requestHandler: { httpsAgent: new Agent({ ca: tls.cert }) },
      })
      t.after(() => client.destroy())
      const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'mail' }))
      assert.equal(QueueUrl, `https://127.0.0.1:${guarded.port}/000000000000/mail`)
      const sent = await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' }))
      assert.ok(sent.MessageId)
      assert.deepEqual(guarded.errors, [])
    })

    test('takes 1.2 and 1.3, and nothing older', async (t) => {
      const { port } = await guard(t, { tls })
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const socket = await handshake(port, { minVersion: version, maxVersion: version })
        assert.equal(socket.getProtocol(), version)
        socket.destroy()
      }
      await assert.rejects(handshake(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }))
    })

    test('takes a renewed certificate for who connects from then on, and ends nobody', async (t) => {
      const guarded = await guard(t, { tls })
      const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
      t.after(() => agent.destroy())
      const health = (): Promise<boolean> =>
        new Promise((resolve, reject) => {
          const sent = request({ port: guarded.port, host: '127.0.0.1', path: '/health', agent }, (res) => {
            res.resume().once('end', () => resolve(sent.reusedSocket))
          })
          sent.once('error', reject).end()
        })
      await health()
      guarded.server.renew(certificate('second'))
      assert.equal(await subject(guarded.port), 'second')
      assert.equal(await health(), true)

      assert.throws(() => guarded.server.renew({ cert: tls.cert, key: certificate('third').key }), {
        code: 'QUEUEUP_INVALID_ARGUMENT',
      })
      assert.equal(await subject(guarded.port), 'second')
    })

    test('is ended for who speaks no TLS, and others go on', async (t) => {
      const guarded = await guard(t, { tls })
      const plain = connectPlain({ port: guarded.port, host: '127.0.0.1' })
      plain.on('error', () => undefined).write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await new Promise((resolve) => plain.resume().once('close', resolve))
      assert.equal(await subject(guarded.port), 'first')
    })

    test('is refused with a certificate that is none', async (t) => {
      await assert.rejects(guard(t, { tls: { cert: 'x', key: 'y' } }), { code: 'QUEUEUP_INVALID_ARGUMENT' })
    })
  })
