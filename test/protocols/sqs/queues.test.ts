import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FORMS, serve } from './served.ts'

for (const form of FORMS)
  describe(`queues over ${form}`, { concurrency: true }, () => {
    test('made, found, listed by prefix and page, deleted', async (t) => {
      const { ask, origin } = await serve(t)
      for (const QueueName of ['a3', 'a1', 'b', 'a2'])
        assert.equal(
          (await ask(form, 'CreateQueue', { QueueName })).one('QueueUrl'),
          `${origin}/000000000000/${QueueName}`,
        )
      assert.equal((await ask(form, 'CreateQueue', { QueueName: 'b' })).status, 200, 'made again as it is')
      const found = await ask(form, 'GetQueueUrl', { QueueName: 'b' })
      assert.equal(found.one('QueueUrl'), `${origin}/000000000000/b`)
      const urls = form === 'json' ? 'QueueUrls' : 'QueueUrl'
      const page = await ask(form, 'ListQueues', { QueueNamePrefix: 'a', MaxResults: 2 })
      assert.deepEqual(page.all(urls), [`${origin}/000000000000/a1`, `${origin}/000000000000/a2`])
      const rest = await ask(form, 'ListQueues', {
        QueueNamePrefix: 'a',
        MaxResults: 2,
        NextToken: page.one('NextToken'),
      })
      assert.deepEqual(rest.all(urls), [`${origin}/000000000000/a3`])
      assert.equal(rest.one('NextToken'), undefined)
      await ask(form, 'DeleteQueue', { QueueUrl: found.one('QueueUrl') })
      assert.equal((await ask(form, 'ListQueues', { QueueNamePrefix: 'b' })).all(urls).length, 0)
    })

    test('a queue that is made again may have its policies written with other spaces, and in another order', async (t) => {
      const { ask, create } = await serve(t)
      await create('dead')
      const target = '"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"'
      const make = async (RedrivePolicy: string) => {
        const reply = await ask(form, 'CreateQueue', { QueueName: 'a', Attributes: { RedrivePolicy } })
        return reply.code ?? reply.status
      }
      assert.equal(await make(`{${target},"maxReceiveCount":3}`), 200)
      assert.equal(await make(`{ "maxReceiveCount": 3, ${target} }`), 200)
      assert.equal(await make(`{${target},"maxReceiveCount":"3"}`), 200)
      assert.equal(
        await make(`{${target},"maxReceiveCount":4}`),
        form === 'json' ? 'QueueNameExists' : 'QueueAlreadyExists',
      )
    })

    test('a queue that is made again has the same tags, where any are given', async (t) => {
      const { ask } = await serve(t)
      const make = (tags?: object) => ask(form, 'CreateQueue', { QueueName: 'a', ...(tags && { tags }) })
      await make({ a: '1', b: '2' })
      for (const same of [undefined, { b: '2', a: '1' }]) assert.equal((await make(same)).status, 200)
      for (const other of [{ a: '1' }, { a: '1', b: '3' }, { a: '1', b: '2', c: '3' }])
        assert.match((await make(other)).code ?? '', /QueueNameExists|QueueAlreadyExists/)
      await ask(form, 'CreateQueue', { QueueName: 'b' })
      const tagged = await ask(form, 'CreateQueue', { QueueName: 'b', tags: { a: '1' } })
      assert.match(tagged.code ?? '', /QueueNameExists|QueueAlreadyExists/)
    })

    test('the name alone is as good as the URL', async (t) => {
      const { ask, create } = await serve(t)
      const QueueName = 'a.fifo'
      await create(QueueName, { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      const sent = await ask(form, 'SendMessage', { QueueUrl: QueueName, MessageBody: 'x', MessageGroupId: 'g' })
      assert.equal(sent.status, 200, sent.text)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl: QueueName })).one('Body'), 'x')
      for (const QueueUrl of ['none', 'http://none', 'https://none/a.fifo', '/a.fifo'])
        assert.match((await ask(form, 'DeleteQueue', { QueueUrl })).code ?? '', /QueueDoesNotExist|NonExistentQueue/)
      assert.equal((await ask(form, 'DeleteQueue', { QueueUrl: QueueName })).status, 200)
    })

    test('a name has 80 characters at the most, of a FIFO queue with its ending', async (t) => {
      const { ask } = await serve(t)
      for (const [letters, status] of [
        [75, 200],
        [76, 400],
      ] as const) {
        const made = { QueueName: `${'a'.repeat(letters)}.fifo`, Attributes: { FifoQueue: 'true' } }
        assert.equal((await ask(form, 'CreateQueue', made)).status, status)
      }
    })

    test('an attribute that was never set is not there', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const { text } = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['KmsMasterKeyId'] })
      if (form === 'json') assert.equal(text, '{}')
      else assert.match(text, /<GetQueueAttributesResult\/>/)
    })

    test('attributes and tags are kept and given back', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a', { VisibilityTimeout: '7', Policy: '{"Statement":[]}' })
      const set = { DelaySeconds: '3', MaximumMessageSize: '2048', ReceiveMessageWaitTimeSeconds: '5' }
      await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: set })
      const got = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
      for (const [name, value] of Object.entries({ VisibilityTimeout: '7', ...set, MessageRetentionPeriod: '345600' }))
        assert.equal(got.one(name), value, name)
      assert.equal(got.one('QueueArn'), 'arn:aws:sqs:us-east-1:000000000000:a')
      await ask(form, 'TagQueue', { QueueUrl, Tags: { __proto__x: '1', b: '2' } })
      await ask(form, 'UntagQueue', { QueueUrl, TagKeys: ['b'] })
      const tags = await ask(form, 'ListQueueTags', { QueueUrl })
      assert.equal(tags.one('__proto__x'), '1')
      assert.equal(tags.one('b'), undefined)
      await ask(form, 'AddPermission', {
        QueueUrl,
        Label: 'them',
        AWSAccountIds: ['111122223333'],
        Actions: ['SendMessage'],
      })
      const policy = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['Policy'] })
      assert.match(policy.one('Policy') ?? '', /"Sid":"them".*arn:aws:iam::111122223333:root/)
      assert.equal((await ask(form, 'RemovePermission', { QueueUrl, Label: 'them' })).status, 200)
    })

    test('a policy that is made by permissions goes with the last of them, and attributes that are not there are not told', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const of = { QueueUrl, Label: 'them' }
      const policy = () => ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['Policy'] })
      await ask(form, 'AddPermission', { ...of, AWSAccountIds: ['111122223333'], Actions: ['SendMessage'] })
      assert.match((await policy()).one('Policy') ?? '', /^{"Version":"2008-10-17"/)
      await ask(form, 'RemovePermission', of)
      const { text } = await policy()
      if (form === 'json') assert.equal(text, '{}')
      else assert.match(text, /<GetQueueAttributesResult\/>/)
    })

    test('a policy of a single statement is given back as a list of one, any other in its own words', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const statement = '{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}'
      const set = async (Policy: string) => {
        await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { Policy } })
        return (await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['Policy'] })).one('Policy')
      }
      const single = JSON.parse((await set(`{"Version": "2012-10-17", "Statement": ${statement}}`)) ?? '') as object
      assert.deepEqual(single, { Version: '2012-10-17', Statement: [JSON.parse(statement)] })
      const many = `{"Version": "2012-10-17", "Statement": [${statement}]}`
      assert.equal(await set(many), many)
    })

    test('the name of a key of KMS, and a policy that grows by permissions, have a longest', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const key = (length: number) =>
        ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { KmsMasterKeyId: 'k'.repeat(length) } })
      assert.equal((await key(2048)).status, 200)
      assert.equal((await key(2049)).code, 'InvalidAttributeValue')
      const AWSAccountIds = Array.from({ length: 450 }, (_, i) => String(i).padStart(12, '0'))
      const allow = (Label: string) =>
        ask(form, 'AddPermission', { QueueUrl, Label, AWSAccountIds, Actions: ['SendMessage'] })
      assert.equal((await allow('one')).status, 200)
      assert.equal((await allow('two')).code, 'OverLimit')
    })

    test('true and false may be written in capitals, and are given back in small letters', async (t) => {
      const { ask, create } = await serve(t)
      const asked = { FifoQueue: 'True', ContentBasedDeduplication: 'True', SqsManagedSseEnabled: 'False' }
      const QueueUrl = await create('a.fifo', asked)
      assert.equal(await create('a.fifo', asked), QueueUrl)
      assert.equal((await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { FifoQueue: 'True' } })).status, 200)
      const got = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
      for (const [name, value] of Object.entries(asked)) assert.equal(got.one(name), value.toLowerCase(), name)
      const sent = await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId: 'g' })
      assert.equal(sent.status, 200, 'it deduplicates by content')
    })

    test('a key of KMS takes the place of the own encryption, and takes its period with it', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a', { SqsManagedSseEnabled: 'true' })
      const set = (KmsMasterKeyId: string, KmsDataKeyReusePeriodSeconds: string) =>
        ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { KmsMasterKeyId, KmsDataKeyReusePeriodSeconds } })
      const got = () => ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
      await set('k', '6000')
      const keyed = await got()
      assert.equal(keyed.one('KmsDataKeyReusePeriodSeconds'), '6000')
      assert.equal(keyed.one('SqsManagedSseEnabled'), 'false')
      await set('', '300')
      const bare = await got()
      assert.equal(bare.one('KmsMasterKeyId'), undefined)
      assert.equal(bare.one('KmsDataKeyReusePeriodSeconds'), undefined)
      const only = async (Attributes: object) => {
        await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes })
        return ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
      }
      assert.equal((await only({ KmsMasterKeyId: 'k' })).one('KmsDataKeyReusePeriodSeconds'), '300')
      const own = await only({ SqsManagedSseEnabled: 'true' })
      assert.equal(own.one('SqsManagedSseEnabled'), 'true')
      assert.equal(own.one('KmsMasterKeyId'), undefined)
      assert.equal(own.one('KmsDataKeyReusePeriodSeconds'), undefined)
    })
  })

test('of a queue’s URL queues are not made, nor listed', async (t) => {
  const { create, origin } = await serve(t)
  const url = await create('a')
  for (const action of ['CreateQueue&QueueName=b', 'ListQueues']) {
    const reply = await fetch(`${url}?Action=${action}`)
    assert.equal(reply.status, 400)
    assert.match(await reply.text(), /<Code>InvalidAction<.*<Message>The action \w+ is not valid for this endpoint\.</)
    assert.equal((await fetch(`${origin}/?Action=${action}`)).status, 200)
  }
  assert.match(await (await fetch(`${url}?Action=GetQueueUrl&QueueName=b`)).text(), /<QueueUrl>[^<]*\/b</)
})

test('a request in the Query form may be written as the service’s documentation has it', async (t) => {
  const { origin, create, ask } = await serve(t)
  await create('a')
  const get = async (query: string): Promise<string> => {
    const response = await fetch(`${origin}/000000000000/a/?${query}`)
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return text
  }
  await get('Action=SetQueueAttributes&Attribute.Name=VisibilityTimeout&Attribute.Value=35')
  await get('Action=TagQueue&Tag.Key=k&Tag.Value=v&Tag.1.Key=l&Tag.1.Value=w')
  assert.match(await get('Action=ListQueueTags'), /<Key>k<.*<Key>l</)
  const attribute =
    'MessageAttribute.Name=n&MessageAttribute.Value.DataType=String&MessageAttribute.Value.StringValue=x'
  await get(`Action=SendMessage&MessageBody=b&${attribute}`)
  const entry = 'SendMessageBatchRequestEntry'
  assert.match(await get(`Action=SendMessageBatch&${entry}.Id=i&${entry}.MessageBody=c`), /<Id>i</)
  const received = await get('Action=ReceiveMessage&MaxNumberOfMessages=5&AttributeName=All&MessageAttributeName=n')
  assert.match(received, /SentTimestamp.*<StringValue>x<.*<Body>c</)
  assert.match(await get('Action=GetQueueAttributes&AttributeName=VisibilityTimeout'), /<Value>35</)
  // Some say so that they want none.
  assert.match(await get('Action=GetQueueAttributes&AttributeName='), /<GetQueueAttributesResult\/>/)
  assert.match(await get('Action=GetQueueAttributes&AttributeName.member.1=All'), /<GetQueueAttributesResult\/>/)
  const QueueUrl = `${origin}/000000000000/a/`
  for (const form of ['json', 'query'] as const)
    assert.equal((await ask(form, 'GetQueueAttributes', { QueueUrl })).status, 200)
})

test('a queue of another protocol is there while it has jobs, and what is made here is its policy', async (t) => {
  const { ask, create, broker, origin } = await serve(t)
  const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
  const put = (queue: string, body: Buffer) =>
    session.commit({ ops: [{ do: 'put', to: [{ queue: `default/${queue}`, create: true }], msg: { body } }] })
  await put('tube', Buffer.from('text'))
  await put('tube', Buffer.from([0, 1, 255]))
  assert.deepEqual((await ask('json', 'ListQueues')).all('QueueUrls'), [`${origin}/000000000000/tube`])
  const QueueUrl = `${origin}/000000000000/tube`
  const received = await ask('json', 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
  assert.deepEqual(received.all('Body'), ['text', 'AAH/'])
  assert.equal(received.one('StringValue'), 'base64')
  for (const ReceiptHandle of received.all('ReceiptHandle'))
    assert.equal(
      (await ask('json', 'DeleteMessage', { QueueUrl, ReceiptHandle })).status,
      200,
      'while all are in flight',
    )
  assert.equal((await ask('json', 'SendMessage', { QueueUrl, MessageBody: 'x' })).code, 'QueueDoesNotExist')
  await create('made', { VisibilityTimeout: '9' })
  assert.equal((broker.records.get('queue/default/made')?.value as { lease: number }).lease, 9000)
})

test('ARNs are of the partition that the region is in', async (t) => {
  for (const [region, partition] of [
    ['eu-west-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
  ] as const) {
    const { ask, create } = await serve(t, { region })
    const dead = await create('dead')
    const arn = `arn:${partition}:sqs:${region}:000000000000:dead`
    const AttributeNames = ['QueueArn']
    assert.equal((await ask('json', 'GetQueueAttributes', { QueueUrl: dead, AttributeNames })).one('QueueArn'), arn)
    await create('a', { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 1 }) })
  }
})

test('queue URLs are what the client called the server, or what it is told', async (t) => {
  const { port } = await serve(t)
  const told = await serve(t, { url: 'https://queues.example.com/', account: '123456789012', region: 'eu-west-1' })
  const url = await told.create('a')
  assert.equal(url, 'https://queues.example.com/123456789012/a')
  // Whatever its host: clients come through proxies.
  assert.equal((await told.ask('json', 'SendMessage', { QueueUrl: url, MessageBody: 'x' })).status, 200)
  const below = await serve(t, { url: 'https://example.com/sqs/' })
  const deep = await below.create('a')
  assert.equal(deep, 'https://example.com/sqs/000000000000/a')
  assert.equal((await below.ask('query', 'SendMessage', { QueueUrl: deep, MessageBody: 'x' })).status, 200)
  for (const url of ['queues.example.com', 'ftp://example.com', 'https://example.com/?a=b', 'https://example.com/#a'])
    await assert.rejects(serve(t, { url }), { name: 'InvalidArgumentError' }, url)
  const response = await fetch(`http://localhost:${port}/?Action=CreateQueue&QueueName=b`)
  assert.match(await response.text(), new RegExp(`<QueueUrl>http://localhost:${port}/000000000000/b</QueueUrl>`))
  // The older form may be asked at the queue's own URL.
  const sent = await fetch(`http://localhost:${port}/000000000000/b?Action=SendMessage&MessageBody=x%20y`)
  assert.equal(sent.status, 200)
})

test('a queue’s URL may say queue for the account, as those of ElasticMQ do, and no other', async (t) => {
  const { ask, create, origin } = await serve(t)
  await create('a')
  for (const form of ['json', 'query'] as const) {
    const look = (QueueUrl: string) => ask(form, 'GetQueueAttributes', { QueueUrl })
    assert.equal((await look(`${origin}/queue/a`)).status, 200)
    for (const account of ['queues', '123456789012'])
      assert.match((await look(`${origin}/${account}/a`)).code ?? '', /QueueDoesNotExist|NonExistentQueue/)
  }
  const sent = await fetch(`${origin}/queue/a?Action=SendMessage&MessageBody=x`)
  assert.equal(sent.status, 200)
})
