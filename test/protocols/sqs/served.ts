import type { TestContext } from 'node:test'
import type { Broker } from '../../../src/broker/broker.ts'
import { createBroker } from '../../../src/broker/store-broker.ts'
import { SqsServer, type SqsOptions } from '../../../src/protocols/sqs/index.ts'
import { openMemory } from '../../../src/stores/memory/index.ts'
import type { Store } from '../../../src/stores/store.ts'
import { ManualClock } from '../../../src/testing/clock.ts'
import { settle, WatchedStore } from '../../broker/open.ts'

export type Form = 'json' | 'query'
export const FORMS: readonly Form[] = ['json', 'query']

export interface Reply {
  status: number
  headers: Headers
  text: string
  /** The error's code, as clients of this form see it. */
  code: string | undefined
  /** The values of all members of that name, wherever they stand, in order. */
  all(name: string): string[]
  /** The first of them. */
  one(name: string): string | undefined
}

export interface Served {
  clock: ManualClock
  store: WatchedStore
  broker: Broker
  server: SqsServer
  errors: Error[]
  origin: string
  port: number
  ask(form: Form, action: string, input?: object, signal?: AbortSignal): Promise<Reply>
  /** Makes a queue and returns its URL. */
  create(name: string, attributes?: Record<string, string>): Promise<string>
  move(ms: number): Promise<void>
  close(): Promise<void>
}

/** A server over the memory store, on a clock that stands still, for as long as the test runs. */
export async function serve(t: TestContext, options: Partial<SqsOptions> = {}): Promise<Served> {
  const clock = new ManualClock()
  const served = await serveStore(openMemory({ clock }), clock, options)
  t.after(() => served.close())
  return served
}

/** A server over a store of this clock. */
export async function serveStore(inner: Store, clock: ManualClock, options: Partial<SqsOptions> = {}): Promise<Served> {
  const store = new WatchedStore(inner)
  const broker = createBroker({ store, clock })
  const errors: Error[] = []
  const server = new SqsServer({ broker, clock, onError: (error) => errors.push(error), ...options })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const origin = `http://127.0.0.1:${port}`
  const served: Served = {
    clock,
    store,
    broker,
    server,
    errors,
    origin,
    port,
    ask: (form, action, input = {}, signal) => ask(origin, form, action, input, signal),
    async create(name, Attributes = {}) {
      const reply = await served.ask('json', 'CreateQueue', { QueueName: name, Attributes })
      const url = reply.one('QueueUrl')
      if (url === undefined) throw new Error(reply.text)
      return url
    },
    async move(ms) {
      clock.move(ms)
      await settle()
    },
    async close() {
      await server.close()
      await broker.close()
    },
  }
  return served
}

export async function ask(
  origin: string,
  form: Form,
  action: string,
  input: object,
  signal?: AbortSignal,
): Promise<Reply> {
  const response = await fetch(
    origin,
    form === 'json'
      ? {
          ...(signal && { signal }),
          method: 'POST',
          headers: { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': `AmazonSQS.${action}` },
          body: JSON.stringify(input),
        }
      : {
          ...(signal && { signal }),
          method: 'POST',
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams([['Action', action], ['Version', '2012-11-05'], ...flat(input)]).toString(),
        },
  )
  const text = await response.text()
  const all = (name: string): string[] => (form === 'json' ? inJson(JSON.parse(text), name) : inXml(text, name))
  const failed = response.status !== 200
  return {
    status: response.status,
    headers: response.headers,
    text,
    code: failed ? (form === 'json' ? all('__type')[0]?.split('#')[1] : all('Code')[0]) : undefined,
    all,
    one: (name) => all(name)[0],
  }
}

/** What lists and maps are called in the Query form. */
const FLAT: Readonly<Record<string, string>> = {
  Attributes: 'Attribute',
  AttributeNames: 'AttributeName',
  MessageSystemAttributeNames: 'MessageSystemAttributeName',
  MessageAttributeNames: 'MessageAttributeName',
  MessageAttributes: 'MessageAttribute',
  MessageSystemAttributes: 'MessageSystemAttribute',
  tags: 'Tag',
  Tags: 'Tag',
  TagKeys: 'TagKey',
  AWSAccountIds: 'AWSAccountId',
  Actions: 'ActionName',
  // The service passes over which of them it is called by the action.
  Entries: 'Entries',
}

function flat(input: object, prefix = '', action = ''): [string, string][] {
  const pairs: [string, string][] = []
  for (const [name, value] of Object.entries(input) as [string, unknown][]) {
    const at = prefix + (FLAT[name] ?? name)
    if (Array.isArray(value))
      value.forEach((one: unknown, i) => {
        if (typeof one === 'object' && one !== null) pairs.push(...flat(one, `${at}.${i + 1}.`, action))
        else pairs.push([`${at}.${i + 1}`, String(one)])
      })
    else if (typeof value === 'object' && value !== null && FLAT[name] !== undefined)
      Object.entries(value).forEach(([key, one]: [string, unknown], i) => {
        pairs.push([`${at}.${i + 1}.${at.endsWith('Tag') ? 'Key' : 'Name'}`, key])
        if (typeof one === 'object' && one !== null) pairs.push(...flat(one, `${at}.${i + 1}.Value.`, action))
        else pairs.push([`${at}.${i + 1}.Value`, String(one)])
      })
    else pairs.push([at, String(value)])
  }
  return pairs
}

function inJson(value: unknown, name: string): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) => [
    ...(key === name && one !== undefined && typeof one !== 'object' ? [`${one as string}`] : []),
    ...(key === name && Array.isArray(one) && typeof one[0] === 'string' ? (one as string[]) : []),
    ...inJson(one, name),
  ])
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#xD': '\r' }

function inXml(text: string, name: string): string[] {
  const plain = [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((match) => match[1] as string)
  const mapped = [...text.matchAll(new RegExp(`<(?:Name|Key)>${name}</(?:Name|Key)><Value>([^<]*)</Value>`, 'g'))]
  return [...plain, ...mapped.map((match) => match[1] as string)].map((one) =>
    one.replace(/&([^;]+);/g, (_, entity: string) => ENTITIES[entity] ?? '?'),
  )
}

/** Entries of a batch are called by their action in the Query form. */
export function entries(form: Form, action: string, list: readonly object[]): object {
  return { [form === 'json' ? 'Entries' : `${action}RequestEntry`]: list }
}
