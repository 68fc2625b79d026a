import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, afterEach, before, describe, test } from 'node:test'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base'
import {
  BeanstalkdClient,
  defineJobs,
  Discard,
  InvalidArgumentError,
  job,
  open,
  RetryLater,
  type TracingOption,
} from '../../src/index.ts'

const jobs = defineJobs({ resize: job<{ image: string }>({ retries: 2, backoff: 1, queue: 'images' }) })
const exporter = new InMemorySpanExporter()

const setProvider = () =>
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))

before(() => {
  setProvider()
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})
afterEach(() => exporter.reset())
after(() => {
  trace.disable()
  context.disable()
})

const spans = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name)
const tracer = trace.getTracer('test')

type Work = (attempt: number) => unknown

/** Puts one job from within a request's span, works it to its end, and answers its id. */
async function worked(work: Work, tracing?: TracingOption): Promise<string> {
  const queue = await open('memory:', { jobs, ...(tracing !== undefined && { tracing }) })
  const over = new Promise((resolve) => {
    queue.on('done', resolve)
    queue.on('dead', resolve)
  })
  const id = await tracer.startActiveSpan('request', async (span) => {
    const put = await queue.put('resize', { image: 'cat.png' })
    span.end()
    return put.id
  })
  queue.work({ resize: (_job, { attempt }) => work(attempt) })
  await over
  await queue.close()
  return id
}

describe('tracing', () => {
  test("a put is a span of its request's trace, an attempt a trace of its own that is linked to it", async () => {
    const id = await worked(() => tracer.startActiveSpan('inside', (span) => span.end()))
    const [request] = spans('request')
    const [send] = spans('send images')
    const [attempt] = spans('process images')
    const [inside] = spans('inside')
    assert.ok(request && send && attempt && inside)
    assert.equal(send.kind, SpanKind.PRODUCER)
    assert.equal(send.parentSpanContext?.spanId, request.spanContext().spanId)
    assert.deepEqual(send.attributes, {
      'messaging.system': 'queueup',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'put',
      'messaging.destination.name': 'images',
      'messaging.message.id': id,
      'queueup.job.name': 'resize',
    })
    assert.equal(attempt.kind, SpanKind.CONSUMER)
    assert.equal(attempt.parentSpanContext, undefined)
    assert.notEqual(attempt.spanContext().traceId, request.spanContext().traceId)
    assert.deepEqual(
      attempt.links.map(({ context: { traceId, spanId } }) => [traceId, spanId]),
      [[send.spanContext().traceId, send.spanContext().spanId]],
    )
    assert.deepEqual(attempt.attributes, {
      'messaging.system': 'queueup',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': 'images',
      'messaging.message.id': id,
      'queueup.job.name': 'resize',
      'queueup.job.attempt': 1,
    })
    assert.equal(attempt.status.code, SpanStatusCode.UNSET)
    assert.equal(inside.parentSpanContext?.spanId, attempt.spanContext().spanId)
  })

  test('each attempt has a span; what it threw is recorded, and what only puts it off is no error', async () => {
    await worked((attempt) => {
      if (attempt === 1) throw Object.assign(new TypeError('odd'), { code: 'E_ODD' })
      if (attempt === 2 && spans('process images').length === 1) throw new RetryLater(1)
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- handlers do.
      if (attempt === 2) throw 'a text'
      throw new Discard('never')
    })
    const attempts = spans('process images')
    assert.deepEqual(
      attempts.map(({ attributes, status, events }) => [
        attributes['queueup.job.attempt'],
        status.code,
        attributes['error.type'],
        events[0]?.attributes?.['exception.message'],
      ]),
      [
        [1, SpanStatusCode.ERROR, 'E_ODD', 'odd'],
        [2, SpanStatusCode.UNSET, undefined, undefined],
        [2, SpanStatusCode.ERROR, '_OTHER', 'a text'],
        [3, SpanStatusCode.ERROR, 'Discard', 'never'],
      ],
    )
    assert.equal(new Set(attempts.map((one) => one.spanContext().traceId)).size, 4)
  })

  test("'child': attempts belong to the put's trace", async () => {
    await worked(() => undefined, 'child')
    const [send] = spans('send images')
    const [attempt] = spans('process images')
    assert.equal(attempt?.parentSpanContext?.spanId, send?.spanContext().spanId)
    assert.equal(attempt?.spanContext().traceId, send?.spanContext().traceId)
    assert.deepEqual(attempt?.links, [])
  })

  test('without a tracer provider a context is handed on; one that is set later sees what comes then', async () => {
    trace.disable()
    const remote = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true }
    const queue = await open('memory:', { jobs, tracing: 'child' })
    try {
      await queue.put('resize', { image: 'no trace.png' })
      await context.with(trace.setSpanContext(context.active(), remote), () =>
        queue.put('resize', { image: 'handed on.png' }),
      )
      const seen = new Map<string, string | undefined>()
      const worker = queue.work({
        resize: ({ args }) => {
          seen.set(args.image, trace.getActiveSpan()?.spanContext().traceId)
        },
      })
      let done = 0
      await new Promise<void>((resolve) => queue.on('done', () => ++done === 2 && resolve()))
      assert.deepEqual(Object.fromEntries(seen), { 'no trace.png': undefined, 'handed on.png': remote.traceId })
      await worker.stop()
      setProvider()
      await queue.put('resize', { image: 'seen.png' })
      assert.equal(spans('send images').length, 1)
    } finally {
      await queue.close()
    }
  })

  test('false: none; anything else is refused', async () => {
    await worked(() => undefined, false)
    assert.deepEqual([spans('send images').length, spans('process images').length], [0, 0])
    await assert.rejects(open('memory:', { jobs, tracing: 'yes' as never }), InvalidArgumentError)
  })

  test('a test runner or a loader that says in its own way that OpenTelemetry is not installed', () => {
    for (const code of ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', undefined]) {
      const pretend = `
import { registerHooks } from 'node:module'
registerHooks({
  resolve(name, context, next) {
    if (name !== '@opentelemetry/api') return next(name, context)
    throw Object.assign(new Error("Cannot find module '@opentelemetry/api' from here"), { code: ${JSON.stringify(code)} })
  },
})`
      const program = `
import { open } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
const queue = await open('memory:', { jobs: {} })
await queue.close()
console.log('opened')`
      const { stdout, stderr } = spawnSync(
        process.execPath,
        ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, '--input-type=module', '--eval', program],
        { encoding: 'utf8' },
      )
      assert.equal(stdout, 'opened\n', stderr)
    }
  })

  test('of several puts each has a span, and each attempt its own', async () => {
    const queue = await open('memory:', { jobs })
    await queue.putMany('resize', [{ image: 'a' }, { image: 'b' }])
    const sent = spans('send images')
    assert.equal(sent.length, 2)
    let left = 2
    const over = new Promise<void>((resolve) => queue.on('done', () => --left === 0 && resolve()))
    queue.work({ resize: () => undefined })
    await over
    await queue.close()
    assert.deepEqual(
      spans('process images')
        .map((one) => one.links[0]?.context.spanId)
        .sort(),
      sent.map((one) => one.spanContext().spanId).sort(),
    )
  })

  test('a put that is refused is an error; a trace context that is none is passed over', async () => {
    const queue = await open('memory:', { jobs })
    await assert.rejects(queue.put('resize', { image: 'x' }, { priority: -1 }))
    assert.equal(spans('send images')[0]?.attributes['error.type'], 'QUEUEUP_INVALID_ARGUMENT')
    const { beanstalkd = '' } = await queue.listen({ beanstalkd: 0 })
    const [host = '', port] = beanstalkd.split(':')
    const client = await BeanstalkdClient.connect({ host, port: Number(port) })
    await client.put('images', Buffer.from('{"job":"resize","args":{"image":"y"},"traceparent":"00-0-0-zz"}'))
    const over = new Promise((resolve) => queue.on('done', resolve))
    queue.work({ resize: () => undefined })
    await over
    assert.deepEqual(spans('process images')[0]?.links, [])
    client.close()
    await queue.close()
  })
})
