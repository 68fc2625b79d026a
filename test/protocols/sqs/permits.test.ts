import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as sdk from '@aws-sdk/client-sqs'
import { ACTIONS } from '../../../src/protocols/sqs/model.ts'
import { guard, type Client } from './guarded.ts'

async function isDenied(promise: Promise<unknown>, what?: string): Promise<void> {
  await assert.rejects(promise, (error: sdk.SQSServiceException) => {
    assert.match(error.name, /^AccessDenied(Exception)?$/, what)
    assert.equal(error.$metadata.httpStatusCode, 403, what)
    return true
  })
}

/** Every action, on a queue. */
function calls(url: string, name: string): Record<string, (client: Client) => Promise<unknown>> {
  const QueueUrl = url
  const SourceArn = `arn:aws:sqs:us-east-1:000000000000:${name}`
  const ReceiptHandle = 'none'
  const TaskHandle = Buffer.from(JSON.stringify({ taskId: 'x', sourceArn: SourceArn })).toString('base64')
  const one = [{ Id: 'a', ReceiptHandle, VisibilityTimeout: 1, MessageBody: 'x' }]
  const commands = {
    AddPermission: new sdk.AddPermissionCommand({
      QueueUrl,
      Label: 'l',
      AWSAccountIds: ['123456789012'],
      Actions: ['*'],
    }),
    CancelMessageMoveTask: new sdk.CancelMessageMoveTaskCommand({ TaskHandle }),
    ChangeMessageVisibility: new sdk.ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 1 }),
    ChangeMessageVisibilityBatch: new sdk.ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries: one }),
    CreateQueue: new sdk.CreateQueueCommand({ QueueName: name }),
    DeleteMessage: new sdk.DeleteMessageCommand({ QueueUrl, ReceiptHandle }),
    DeleteMessageBatch: new sdk.DeleteMessageBatchCommand({ QueueUrl, Entries: one }),
    DeleteQueue: new sdk.DeleteQueueCommand({ QueueUrl }),
    GetQueueAttributes: new sdk.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    GetQueueUrl: new sdk.GetQueueUrlCommand({ QueueName: name }),
    ListDeadLetterSourceQueues: new sdk.ListDeadLetterSourceQueuesCommand({ QueueUrl }),
    ListMessageMoveTasks: new sdk.ListMessageMoveTasksCommand({ SourceArn }),
    ListQueueTags: new sdk.ListQueueTagsCommand({ QueueUrl }),
    PurgeQueue: new sdk.PurgeQueueCommand({ QueueUrl }),
    ReceiveMessage: new sdk.ReceiveMessageCommand({ QueueUrl }),
    RemovePermission: new sdk.RemovePermissionCommand({ QueueUrl, Label: 'l' }),
    SendMessage: new sdk.SendMessageCommand({ QueueUrl, MessageBody: 'x' }),
    SendMessageBatch: new sdk.SendMessageBatchCommand({ QueueUrl, Entries: one }),
    SetQueueAttributes: new sdk.SetQueueAttributesCommand({ QueueUrl, Attributes: { DelaySeconds: '0' } }),
    StartMessageMoveTask: new sdk.StartMessageMoveTaskCommand({ SourceArn }),
    TagQueue: new sdk.TagQueueCommand({ QueueUrl, Tags: { a: 'b' } }),
    UntagQueue: new sdk.UntagQueueCommand({ QueueUrl, TagKeys: ['a'] }),
  }
  return Object.fromEntries(
    Object.entries(commands).map(([action, command]) => [
      action,
      ({ sqs }) => sqs.send(command as unknown as sdk.ListQueuesCommand),
    ]),
  )
}

const NEEDS: Record<string, readonly string[]> = {
  read: [
    'ReceiveMessage',
    'DeleteMessage',
    'DeleteMessageBatch',
    'ChangeMessageVisibility',
    'ChangeMessageVisibilityBatch',
  ],
  write: ['SendMessage', 'SendMessageBatch'],
  configure: [
    ...['CreateQueue', 'DeleteQueue', 'PurgeQueue', 'SetQueueAttributes', 'TagQueue', 'UntagQueue', 'AddPermission'],
    ...['RemovePermission', 'StartMessageMoveTask', 'CancelMessageMoveTask'],
  ],
  any: ['GetQueueAttributes', 'GetQueueUrl', 'ListDeadLetterSourceQueues', 'ListMessageMoveTasks', 'ListQueueTags'],
}

describe('permissions over SQS', () => {
  test('say of every action whether a user may', async (t) => {
    const guarded = await guard(t)
    const operator = await guarded.client('operator', 'all:*')
    const of = Object.entries(NEEDS).flatMap(([need, actions]) => actions.map((action) => [action, need] as const))
    assert.deepEqual([...of.map(([action]) => action), 'ListQueues'].sort(), Object.keys(ACTIONS).sort())
    for (const granted of ['read', 'write', 'configure']) {
      const user = await guarded.client(granted, `${granted}:mail-*`)
      for (const [action, need] of of) {
        await operator.create('mail-in').catch(() => undefined)
        await operator.create('other').catch(() => undefined)
        // Elsewhere it may nothing, and does not learn whether there is such a queue.
        for (const queue of ['other', 'not-there'])
          await isDenied(
            calls(user.url(queue), queue)[action]?.(user) as Promise<unknown>,
            `${granted}: ${action} ${queue}`,
          )
        const answer = calls(user.url('mail-in'), 'mail-in')[action]?.(user) as Promise<unknown>
        if (need !== granted && need !== 'any') await isDenied(answer, `${granted}: ${action}`)
        // Allowed; what it was given may still be no receipt handle.
        else
          await answer.catch((error: Error) => assert.doesNotMatch(error.name, /AccessDenied/, `${granted}: ${action}`))
      }
    }
    assert.deepEqual(guarded.errors, [])
  })

  test('show a user the queues that it may anything with', async (t) => {
    const guarded = await guard(t)
    const operator = await guarded.client('operator', 'all:*')
    for (const queue of ['mail-in', 'mail-out', 'other']) await operator.create(queue)
    const list = async ({ sqs }: Client): Promise<string[]> =>
      ((await sqs.send(new sdk.ListQueuesCommand({}))).QueueUrls ?? []).map((url) => url.replace(/.*\//, ''))
    assert.deepEqual(await list(operator), ['mail-in', 'mail-out', 'other'])
    assert.deepEqual(await list(await guarded.client('web', 'write:mail-*')), ['mail-in', 'mail-out'])
    assert.deepEqual(await list(await guarded.client('nobody', 'write:nothing')), [])
  })

  test('are asked of a dead-letter queue that is named, too', async (t) => {
    const guarded = await guard(t)
    const operator = await guarded.client('operator', 'all:*')
    const user = await guarded.client('user', 'all:mine-*')
    await operator.create('others')
    await user.create('mine-dead')
    const policy = (queue: string): Record<string, string> => ({
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${queue}`,
        maxReceiveCount: 1,
      }),
    })
    await isDenied(user.create('mine-a', policy('others')))
    await user.create('mine-a')
    const set = (queue: string): Promise<unknown> =>
      user.sqs.send(new sdk.SetQueueAttributesCommand({ QueueUrl: user.url('mine-a'), Attributes: policy(queue) }))
    await isDenied(set('others'))
    await set('mine-dead')
    const move = (destination: string): Promise<unknown> =>
      user.sqs.send(
        new sdk.StartMessageMoveTaskCommand({
          SourceArn: 'arn:aws:sqs:us-east-1:000000000000:mine-dead',
          DestinationArn: `arn:aws:sqs:us-east-1:000000000000:${destination}`,
        }),
      )
    await isDenied(move('others'))
    await move('mine-a')
  })

  test('change at once, and a key that is removed is refused', async (t) => {
    const guarded = await guard(t)
    const operator = await guarded.client('operator', 'all:*')
    await operator.create('mail')
    const web = await guarded.client('web', 'read:mail')
    await isDenied(web.send('mail'))
    await guarded.users.allow('web', ['write:mail'])
    await guarded.broker.records.refresh()
    await web.send('mail')
    await isDenied(web.receive('mail'))
    await guarded.users.remove('web')
    await guarded.broker.records.refresh()
    await assert.rejects(web.send('mail'), { name: 'InvalidClientTokenId' })
    assert.deepEqual(await operator.receive('mail'), ['hello'])
  })

  test('a name in the path or twice in a form is the one that is asked about', async (t) => {
    const guarded = await guard(t)
    const operator = await guarded.client('operator', 'all:*')
    for (const queue of ['mail', 'other']) await operator.create(queue)
    const web = await guarded.client('web', 'write:mail')
    const { sign } = await import('./signer.ts')
    const ask = async (path: string, body: string): Promise<number> => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded', host: `127.0.0.1:${guarded.port}` }
      const { rawHeaders } = await sign({ method: 'POST', path, headers, body }, web.key, Date.now())
      const signed = Object.fromEntries(
        rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] as string]] : [])),
      )
      delete signed['host']
      return (await fetch(`http://127.0.0.1:${guarded.port}${path}`, { method: 'POST', headers: signed, body })).status
    }
    const action = 'Action=SendMessage&Version=2012-11-05&MessageBody=x'
    assert.equal(await ask('/000000000000/mail', action), 200)
    assert.equal(await ask('/000000000000/other', action), 403)
    const url = (queue: string): string => encodeURIComponent(web.url(queue))
    assert.equal(await ask('/000000000000/mail', `${action}&QueueUrl=${url('other')}`), 403)
    for (const body of [
      `${action}&QueueUrl=${url('mail')}&QueueUrl=${url('other')}`,
      `${action}&QueueUrl=${url('other')}&QueueUrl=${url('mail')}`,
    ])
      await ask('/', body)
    assert.deepEqual(await operator.receive('other'), [])
  })
})
