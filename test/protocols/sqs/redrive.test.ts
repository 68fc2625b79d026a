import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UnavailableError } from '../../../src/errors.ts'
import { SqsServer } from '../../../src/protocols/sqs/index.ts'
import { ask as askAt, entries, FORMS, serve, type Form, type Served } from './served.ts'

const arn = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:${name}`
const redrive = (to: string): string => JSON.stringify({ deadLetterTargetArn: arn(to), maxReceiveCount: 1 })

/** So many messages in the queue `dead`, that died in `a`. Returns the URLs of both. */
async function letters({ ask, create, move }: Served, form: Form, count: number): Promise<{ dead: string; a: string }> {
  const dead = await create('dead')
  const a = await create('a', { RedrivePolicy: redrive('dead') })
  for (let i = 0; i < count; i++) await ask(form, 'SendMessage', { QueueUrl: a, MessageBody: `${i}` })
  const received = await ask(form, 'ReceiveMessage', { QueueUrl: a, MaxNumberOfMessages: 10 })
  for (const ReceiptHandle of received.all('ReceiptHandle'))
    await ask(form, 'ChangeMessageVisibility', { QueueUrl: a, ReceiptHandle, VisibilityTimeout: 0 })
  await move(0)
  return { dead, a }
}

const isMover = (key: string): boolean => key.startsWith('sqs/mover/')

async function visible({ ask }: Served, form: Form, QueueUrl: string): Promise<number> {
  const reply = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] })
  return Number(reply.one('ApproximateNumberOfMessages') ?? reply.one('Value'))
}

for (const form of FORMS)
  describe(`redrive over ${form}`, { concurrency: true }, () => {
    test('a dead-letter queue says which queues may use it', async (t) => {
      const { ask, create } = await serve(t)
      const dead = await create('dead')
      const QueueUrl = await create('a')
      const other = await create('b')
      const allow = (policy: object) =>
        ask(form, 'SetQueueAttributes', {
          QueueUrl: dead,
          Attributes: { RedriveAllowPolicy: JSON.stringify(policy) },
        })
      const use = (QueueUrl: string) =>
        ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { RedrivePolicy: redrive('dead') } })
      assert.equal((await use(QueueUrl)).status, 200, 'all, where nothing is said')
      await allow({ redrivePermission: 'denyAll' })
      const refused = await use(other)
      assert.equal(refused.status, 400)
      assert.match(refused.text, /not permitted to use dead/)
      await allow({ redrivePermission: 'byQueue', sourceQueueArns: [arn('a')] })
      assert.equal((await use(other)).status, 400)
      assert.equal((await use(QueueUrl)).status, 200)
      const made = await ask(form, 'CreateQueue', { QueueName: 'c', Attributes: { RedrivePolicy: redrive('dead') } })
      assert.equal(made.status, 400, 'nor may a new one')
      await allow({ redrivePermission: 'allowAll' })
      assert.equal((await use(other)).status, 200)
      for (const bad of [{}, { redrivePermission: 'byQueue' }, { redrivePermission: 'x' }])
        assert.equal((await allow(bad)).status, 400)
    })

    test('policies are given back in the service’s words, in whichever they were set', async (t) => {
      const { ask, create } = await serve(t)
      await create('dead')
      const set = async (name: string, value: string) => {
        const QueueUrl = await create('a')
        await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { [name]: value } })
        return (await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })).one(name)
      }
      for (const count of ['3', '"3"'])
        assert.equal(
          await set(
            'RedrivePolicy',
            `{\n  "maxReceiveCount": ${count},\n  "deadLetterTargetArn": "${arn('dead')}"\n}\n`,
          ),
          `{"deadLetterTargetArn":"${arn('dead')}","maxReceiveCount":3}`,
        )
      assert.equal(
        await set('RedriveAllowPolicy', `{ "sourceQueueArns": ["${arn('b')}"], "redrivePermission": "byQueue" }`),
        `{"redrivePermission":"byQueue","sourceQueueArns":["${arn('b')}"]}`,
      )
      assert.equal(
        await set('RedriveAllowPolicy', '{"redrivePermission": "denyAll"}'),
        '{"redrivePermission":"denyAll"}',
      )
    })

    test('a dead letter has its own id as MessageDeduplicationId, and says where it died until it is back there', async (t) => {
      const { ask, create, move } = await serve(t)
      const fifo = { FifoQueue: 'true', ContentBasedDeduplication: 'true' }
      const dead = await create('dead.fifo', fifo)
      const QueueUrl = await create('a.fifo', { ...fifo, VisibilityTimeout: '0', RedrivePolicy: redrive('dead.fifo') })
      const send = (QueueUrl: string) =>
        ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' })
      const sent = (await send(QueueUrl)).one('MessageId') as string
      const receive = (QueueUrl: string) =>
        ask(form, 'ReceiveMessage', {
          QueueUrl,
          MaxNumberOfMessages: 10,
          AttributeNames: ['All'],
          VisibilityTimeout: 0,
        })
      const first = await receive(QueueUrl)
      assert.deepEqual(first.all('MessageDeduplicationId'), ['d'])
      assert.equal(first.one('DeadLetterQueueSourceArn'), undefined)
      await move(0)
      assert.equal((await send(QueueUrl)).one('MessageId'), sent, 'its own queue knows it still')
      await send(dead)
      const letters = await receive(dead)
      assert.deepEqual(letters.all('MessageDeduplicationId'), [sent, 'd'])
      assert.deepEqual(letters.all('DeadLetterQueueSourceArn'), [arn('a.fifo')])
      await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead.fifo') })
      for (let i = 0; i < 10; i++) await move(0)
      const back = await receive(QueueUrl)
      assert.deepEqual(back.all('Body'), ['x'])
      assert.equal(back.one('DeadLetterQueueSourceArn'), undefined)
    })

    test('a move task that is cancelled stops, and the next one goes on where it was', async (t) => {
      const served = await serve(t)
      const { ask, move } = served
      const { dead, a } = await letters(served, form, 5)
      assert.equal(await visible(served, form, dead), 5)
      const start = (MaxNumberOfMessagesPerSecond: number) =>
        ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), MaxNumberOfMessagesPerSecond })
      const status = async () =>
        (await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead'), MaxResults: 10 })).all('Status')
      const started = await start(1)
      const TaskHandle = started.one('TaskHandle')
      for (let i = 0; i < 10; i++) await move(0)
      assert.equal(await visible(served, form, a), 1, 'one a second')
      await move(1000)
      for (let i = 0; i < 10; i++) await move(0)
      assert.equal(await visible(served, form, a), 2)
      assert.match((await start(1)).code ?? '', /^InvalidParameterValue/, 'one at a time')
      const cancelled = await ask(form, 'CancelMessageMoveTask', { TaskHandle })
      assert.equal(cancelled.one('ApproximateNumberOfMessagesMoved'), '2', cancelled.text)
      await move(1000)
      for (let i = 0; i < 10; i++) await move(0)
      assert.deepEqual(await status(), ['CANCELLED'])
      assert.equal(await visible(served, form, dead), 3, 'the rest stays')
      assert.match((await ask(form, 'CancelMessageMoveTask', { TaskHandle })).code ?? '', /UnsupportedOperation/)
      assert.equal((await start(500)).status, 200)
      for (let i = 0; i < 10; i++) await move(1000)
      assert.deepEqual(await status(), ['COMPLETED', 'CANCELLED'])
      assert.equal(await visible(served, form, dead), 0)
      assert.equal(await visible(served, form, a), 5)
    })

    test('a move task that begins while the one before comes to its end is not left lying', async (t) => {
      const served = await serve(t)
      const { ask, move, store } = served
      await letters(served, form, 0)
      const start = () => ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead') })
      const { promise: begun, resolve } = Promise.withResolvers<void>()
      const commit = store.commit.bind(store)
      let ending: Promise<void> | undefined
      store.commit = (units) => {
        const ends = units.some(({ ops }) => ops.some((op) => op.do === 'record' && isMover(op.key) && !op.value))
        if (!ends || ending) return commit(units)
        ending = start().then(() => resolve())
        return commit(units).map((answer) => begun.then(() => answer))
      }
      assert.equal((await start()).status, 200)
      await begun
      for (let i = 0; i < 10; i++) await move(0)
      const listed = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead'), MaxResults: 10 })
      assert.deepEqual(listed.all('Status'), ['COMPLETED', 'COMPLETED'])
    })

    test('a move task moves as many as there were, though each comes back at once', async (t) => {
      const served = await serve(t)
      const { ask, move } = served
      const { a } = await letters(served, form, 3)
      await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), MaxNumberOfMessagesPerSecond: 1 })
      for (let second = 0; second < 6; second++) {
        for (let i = 0; i < 6; i++) await move(0)
        const ReceiptHandle = (await ask(form, 'ReceiveMessage', { QueueUrl: a })).one('ReceiptHandle')
        if (ReceiptHandle !== undefined)
          await ask(form, 'ChangeMessageVisibility', { QueueUrl: a, ReceiptHandle, VisibilityTimeout: 0 })
        await move(1000)
      }
      const listed = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead') })
      for (let i = 0; i < 10; i++) await move(1000)
      assert.deepEqual([listed.one('Status'), listed.one('ApproximateNumberOfMessagesMoved')], ['COMPLETED', '3'])
    })

    test('a move task is run by one server, and by another one when that is closed', async (t) => {
      const served = await serve(t)
      const { ask, move, server, broker, clock } = served
      const other = new SqsServer({ broker, clock })
      const { port } = await other.listen({ host: '127.0.0.1', port: 0 })
      t.after(() => other.close())
      const { a } = await letters(served, form, 5)
      await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), MaxNumberOfMessagesPerSecond: 1 })
      for (let i = 0; i < 10; i++) await move(0)
      assert.equal(await visible(served, form, a), 1, 'a rate is that of all servers together')
      const closing = server.close()
      for (let i = 0; i < 10; i++) await move(1000)
      await closing
      const there: Served = {
        ...served,
        ask: (form, action, input = {}) => askAt(`http://127.0.0.1:${port}`, form, action, input),
      }
      assert.equal(await visible(there, form, a), 5)
    })

    test('a move task goes on when the store, which was unavailable, is there again', async (t) => {
      const served = await serve(t)
      const { ask, move, store, errors } = served
      const { dead, a } = await letters(served, form, 3)
      await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), MaxNumberOfMessagesPerSecond: 1 })
      for (let i = 0; i < 10; i++) await move(0)
      store.errors.push(new UnavailableError('The disk is full.'))
      await move(1000)
      for (let i = 0; i < 10; i++) await move(0)
      assert.equal(errors.length, 1)
      for (let i = 0; i < 10; i++) await move(1000)
      assert.equal(await visible(served, form, dead), 0)
      assert.equal(await visible(served, form, a), 3)
    })

    test('a move task is no error where the broker closes before it has stopped', async (t) => {
      const served = await serve(t)
      const { ask, move, server, broker, errors } = served
      await letters(served, form, 3)
      await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), MaxNumberOfMessagesPerSecond: 1 })
      for (let i = 0; i < 10; i++) await move(0)
      const closing = server.close()
      for (let i = 0; i < 10; i++) await move(0)
      await broker.close()
      await move(1000)
      await closing
      assert.deepEqual(errors, [])
    })

    test('a move task fails when its destination is deleted, and leaves the rest where it is', async (t) => {
      const served = await serve(t)
      const { ask, create, move } = served
      const { dead } = await letters(served, form, 3)
      const QueueUrl = await create('to')
      await ask(form, 'StartMessageMoveTask', {
        SourceArn: arn('dead'),
        DestinationArn: arn('to'),
        MaxNumberOfMessagesPerSecond: 1,
      })
      for (let i = 0; i < 10; i++) await move(0)
      await ask(form, 'DeleteQueue', { QueueUrl })
      for (let i = 0; i < 10; i++) await move(1000)
      const task = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead') })
      assert.equal(task.one('Status'), 'FAILED')
      assert.equal(task.one('FailureReason'), 'AWS.SimpleQueueService.NonExistentQueue')
      assert.equal(task.one('ApproximateNumberOfMessagesMoved'), '1')
      assert.equal(await visible(served, form, dead), 2)
    })

    test('a move task that meets a full queue says so, and moves what there is room for', async (t) => {
      const served = await serve(t)
      const { ask, create, move, broker } = served
      const { dead, a } = await letters(served, form, 3)
      await create('to')
      const session = broker.session({ protocol: 'sqs', tenant: 'default', principal: 'test' })
      const limit = async (name: string, policy: object) => {
        const { value } = broker.records.get(`queue/default/${name}`) ?? {}
        await session.commit({
          ops: [{ do: 'record', key: `queue/default/${name}`, value: { ...(value as object), ...policy } }],
        })
        await broker.records.refresh()
      }
      const run = async (more: object = {}) => {
        await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), ...more })
        for (let i = 0; i < 10; i++) await move(0)
        const tasks = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead') })
        return ['Status', 'FailureReason', 'ApproximateNumberOfMessagesMoved'].map((name) => tasks.one(name))
      }
      await limit('to', { maxJobs: 1 })
      await limit('a', { maxJobs: 1 })
      assert.deepEqual(await run({ DestinationArn: arn('to') }), ['FAILED', 'RequestThrottled', '1'])
      assert.deepEqual(await run(), ['FAILED', 'RequestThrottled', '1'])
      assert.deepEqual([await visible(served, form, dead), await visible(served, form, a)], [1, 1])
      await limit('to', { maxJobs: 2 })
      assert.deepEqual(await run({ DestinationArn: arn('to') }), ['COMPLETED', undefined, '1'])
    })

    test('a move task into one full queue looks at no further messages', async (t) => {
      const { ask, create, move, broker, store } = await serve(t)
      await create('dead')
      await create('a', { RedrivePolicy: redrive('dead') })
      await create('to')
      const session = broker.session({ protocol: 'sqs', tenant: 'default', principal: 'test' })
      const ops = Array.from({ length: 1500 }, () => ({
        do: 'put' as const,
        to: [{ queue: 'default/dead' as const }],
        msg: { body: Buffer.from('x') },
      }))
      await session.commit({ ops: [...ops, { do: 'record', key: 'queue/default/to', value: { maxJobs: 1 } }] })
      await broker.records.refresh()
      store.forget()
      await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), DestinationArn: arn('to') })
      for (let i = 0; i < 10; i++) await move(0)
      const task = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead') })
      assert.equal(task.one('FailureReason'), 'RequestThrottled', task.text)
      assert.equal(store.ops.filter((op) => op === 'forward').length, 500)
    })

    test('move tasks end with the queue that they empty: one of its name has none', async (t) => {
      const served = await serve(t)
      const { ask, create, move } = served
      const { dead, a } = await letters(served, form, 3)
      await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), MaxNumberOfMessagesPerSecond: 1 })
      for (let i = 0; i < 10; i++) await move(0)
      assert.equal(await visible(served, form, a), 1)
      await ask(form, 'DeleteQueue', { QueueUrl: dead })
      await create('dead')
      await ask(form, 'SendMessage', { QueueUrl: dead, MessageBody: 'x' })
      for (let i = 0; i < 5; i++) await move(1000)
      const tasks = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead'), MaxResults: 10 })
      assert.deepEqual(tasks.all('Status'), [])
      assert.deepEqual([await visible(served, form, dead), await visible(served, form, a)], [1, 1])
      await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), DestinationArn: arn('a') })
      for (let i = 0; i < 10; i++) await move(1000)
      assert.deepEqual([await visible(served, form, dead), await visible(served, form, a)], [0, 2])
    })

    test('a move task fails with what was sent to the dead-letter queue itself, once the others are moved', async (t) => {
      const served = await serve(t)
      const { ask, move } = served
      const { dead, a } = await letters(served, form, 3)
      await ask(form, 'SendMessage', { QueueUrl: dead, MessageBody: 'x' })
      const run = async () => {
        await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead') })
        for (let i = 0; i < 10; i++) await move(0)
        const tasks = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead') })
        return ['Status', 'FailureReason', 'ApproximateNumberOfMessagesMoved'].map((name) => tasks.one(name))
      }
      assert.deepEqual(await run(), ['FAILED', 'CouldNotDetermineMessageSource', '3'])
      assert.equal(await visible(served, form, a), 3)
      assert.equal(await visible(served, form, dead), 1)
      assert.deepEqual(await run(), ['FAILED', 'CouldNotDetermineMessageSource', '0'])
    })

    test('a message whose dead-letter queue was deleted is there all the same, and CreateQueue adopts it', async (t) => {
      const served = await serve(t)
      const { ask, create, move } = served
      const dead = await create('dead')
      const QueueUrl = await create('a', { RedrivePolicy: redrive('dead'), VisibilityTimeout: '0' })
      await ask(form, 'DeleteQueue', { QueueUrl: dead })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })
      await ask(form, 'ReceiveMessage', { QueueUrl })
      await move(1)
      assert.equal(await visible(served, form, dead), 1)
      await create('dead', { VisibilityTimeout: '7' })
      const received = await ask(form, 'ReceiveMessage', { QueueUrl: dead })
      assert.equal(received.one('Body'), 'x', received.text)
    })

    test('a move task fails where the queue in which messages died was deleted: it does not come back, and they stay', async (t) => {
      const served = await serve(t)
      const { ask, move } = served
      const { dead, a } = await letters(served, form, 3)
      await ask(form, 'DeleteQueue', { QueueUrl: a })
      const b = await served.create('b', { RedrivePolicy: redrive('dead') })
      assert.equal((await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead') })).status, 200)
      for (let i = 0; i < 10; i++) await move(0)
      const task = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead') })
      assert.deepEqual(
        [task.one('Status'), task.one('FailureReason')],
        ['FAILED', 'AWS.SimpleQueueService.NonExistentQueue'],
      )
      assert.deepEqual([await visible(served, form, dead), await visible(served, form, b)], [3, 0])
      assert.match(
        (await ask(form, 'GetQueueUrl', { QueueName: 'a' })).code ?? '',
        /QueueDoesNotExist|NonExistentQueue/,
      )
    })

    for (const why of ['deleted', 'full'] as const)
      test(`a move task with a rate comes to all messages behind those whose queue is ${why}, so many a second`, async (t) => {
        const served = await serve(t)
        const { ask, create, move, broker } = served
        const { dead, a } = await letters(served, form, 3)
        const b = await create('b', { RedrivePolicy: redrive('dead') })
        for (let i = 0; i < 5; i++) await ask(form, 'SendMessage', { QueueUrl: b, MessageBody: `${i}` })
        const received = await ask(form, 'ReceiveMessage', { QueueUrl: b, MaxNumberOfMessages: 10 })
        for (const ReceiptHandle of received.all('ReceiptHandle'))
          await ask(form, 'ChangeMessageVisibility', { QueueUrl: b, ReceiptHandle, VisibilityTimeout: 0 })
        if (why === 'deleted') await ask(form, 'DeleteQueue', { QueueUrl: a })
        else {
          await ask(form, 'SendMessage', { QueueUrl: a, MessageBody: 'fills it' })
          const key = 'queue/default/a'
          const session = broker.session({ protocol: 'sqs', tenant: 'default', principal: 'test' })
          const value = { ...(broker.records.get(key)?.value as object), maxJobs: 1 }
          await session.commit({ ops: [{ do: 'record', key, value }] })
          await broker.records.refresh()
        }
        await ask(form, 'StartMessageMoveTask', { SourceArn: arn('dead'), MaxNumberOfMessagesPerSecond: 2 })
        let moved = 0
        for (let second = 0; second < 8; second++) {
          for (let i = 0; i < 10; i++) await move(0)
          const before = moved
          moved = await visible(served, form, b)
          assert.ok(moved - before <= 2, `${moved - before} in a second`)
          await move(1000)
        }
        assert.equal(moved, 5)
        const task = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead') })
        assert.equal(task.one('Status'), 'FAILED')
        assert.equal(await visible(served, form, dead), 3)
      })

    for (const rate of [undefined, 2])
      test(`a move task comes to the messages behind more than a slice that can not be moved, ${rate ? 'a few a second' : 'as fast as it can'}`, async (t) => {
        const served = await serve(t)
        const { ask, create, move, broker } = served
        const dead = await create('dead')
        // Sent there by hand, so that nobody knows where they belong.
        const session = broker.session({ protocol: 'sqs', tenant: 'default', principal: 'test' })
        await session.commit({
          ops: Array.from({ length: 1200 }, (_, i) => ({
            do: 'put',
            to: [{ queue: 'default/dead' }],
            msg: { body: Buffer.from(`own ${i}`) },
          })),
        })
        const { a } = await letters(served, form, 5)
        await ask(form, 'StartMessageMoveTask', {
          SourceArn: arn('dead'),
          ...(rate && { MaxNumberOfMessagesPerSecond: rate }),
        })
        for (let i = 0; i < 30; i++) await move(rate ? 1000 : 0)
        const task = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn('dead') })
        assert.deepEqual(
          ['Status', 'FailureReason', 'ApproximateNumberOfMessagesMoved'].map((name) => task.one(name)),
          ['FAILED', 'CouldNotDetermineMessageSource', '5'],
        )
        assert.deepEqual([await visible(served, form, dead), await visible(served, form, a)], [1200, 5])
      })

    test('a bad handle in a batch harms none of the others', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const elsewhere = await create('b')
      for (const url of [QueueUrl, QueueUrl, elsewhere])
        await ask(form, 'SendMessage', { QueueUrl: url, MessageBody: 'x' })
      const [one, two] = (await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })).all('ReceiptHandle')
      const theirs = (await ask(form, 'ReceiveMessage', { QueueUrl: elsewhere })).one('ReceiptHandle')
      const handles = { one, garbage: 'AAAA', theirs, two }
      for (const action of ['ChangeMessageVisibilityBatch', 'DeleteMessageBatch']) {
        const list = Object.entries(handles).map(([Id, ReceiptHandle]) => ({
          Id,
          ReceiptHandle,
          ...(action.startsWith('Change') && { VisibilityTimeout: 60 }),
        }))
        const reply = await ask(form, action, { QueueUrl, ...entries(form, action, list) })
        assert.equal(reply.status, 200)
        assert.deepEqual(reply.all('Id'), ['one', 'two', 'garbage', 'theirs'], action)
        assert.deepEqual(reply.all('Code'), ['ReceiptHandleIsInvalid', 'ReceiptHandleIsInvalid'])
      }
      const left = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
      assert.equal(left.one('ApproximateNumberOfMessagesNotVisible'), '0')
    })

    test('a message is hidden for twelve hours at the most, from its receipt on', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a')
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })
      const ReceiptHandle = (await ask(form, 'ReceiveMessage', { QueueUrl, VisibilityTimeout: 43_200 })).one(
        'ReceiptHandle',
      )
      const extend = (VisibilityTimeout: number) =>
        ask(form, 'ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout })
      assert.match((await extend(43_201)).code ?? '', /^InvalidParameterValue/)
      await move(3_600_000)
      const late = await extend(39_601)
      assert.match(late.code ?? '', /^InvalidParameterValue/)
      assert.match(late.text, /beyond the limit \[43200 seconds\]/)
      assert.equal((await extend(39_600)).status, 200)
      await move(39_599_000)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
      await move(1000)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), 'x')
    })
  })
