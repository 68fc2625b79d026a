/** What a program may export without writing its type down: its declarations are emitted, and each type must have a public name. types.test.ts compiles it. */
import * as z from 'zod'
import {
  BeanstalkdClient,
  BeanstalkdServer,
  createBroker,
  defineJobs,
  job,
  open,
  openStore,
  SqsServer,
  type BeanstalkdAddress,
  type BeanstalkdCounters,
  type BeanstalkdJob,
  type BeanstalkdOptions,
  type Clock,
  type Context,
  type Durability,
  type Events,
  type FollowedEvent,
  type Follower,
  type Handlers,
  type JobEvent,
  type JobQueue,
  type OpenOptions,
  type Session,
  type SqsCaller,
  type SqsCertificate,
  type SqsOptions,
  type SqsRequest,
  type StandardSchema,
  type Store,
  type WorkedJob,
  type WorkMiddleware,
} from '../../src/index.ts'
import { testQueue, type Happening } from '../../src/testing/index.ts'

export const sendMail = job(z.object({ mail_to: z.string() }), { result: z.object({ messageId: z.string() }) })
export const resize = job<{ width: number }, number>({ limits: [{ concurrency: 2, key: ({ width }) => `${width}` }] })
export const tick = job()
export const jobs = defineJobs({ sendMail, resize, tick })
export const options = { retries: 2, delay: '10m', unique: { key: 'k' } } as const
export const validated = <S extends StandardSchema>(schema: S) => job(schema, { result: schema })
export const checked = (schema: StandardSchema<string>) => schema['~standard'].validate('')

export const handlers = {
  sendMail: async ({ args }, { put }) => ({ messageId: args.mail_to + (await put('tick')).id }),
  resize: ({ args }) => args.width,
} satisfies Handlers<typeof jobs>
export const middleware = (job: WorkedJob, ctx: Context, next: Parameters<WorkMiddleware>[2]) => [job, ctx, next]

export const queue = await open('memory:', { jobs })
export const opened = (given: OpenOptions<typeof jobs>) => ({ ...given })
export const put = await queue.put('sendMail', { mail_to: 'ada' })
export const puts = await queue.putAll([['tick'], ['resize', { width: 1 }]])
export const within = () => queue.putWithin({}, 'tick')
export const worker = queue.work(handlers)
export const health = worker.health()
export const info = await queue.get('1')
export const attempts = info?.attempts
export const page = await queue.list({ queue: 'sendMail' })
export const counts = await queue.counts()
export const listening = () => queue.listen({ beanstalkd: 0 })
export const methods = ({ on, pause, clear, drained, update }: JobQueue<typeof jobs>) => ({
  on,
  pause,
  clear,
  drained,
  update,
})

export const events = (all: Events) => ({ ...all })
export const heard = <N extends keyof Events>(name: N) => queue.on(name, (event) => event)
export const lastDone = (() => {
  let last: Events['done'] | undefined
  queue.on('done', (event) => (last = event))
  return () => last
})()
export const followed = await queue.follow()
export const missed = (event: FollowedEvent) => (event.type === 'missed' ? event : undefined)
export const told = (event: FollowedEvent) => (event.type === 'missed' ? undefined : event)

export const store = await openStore('memory:')
export const opening = (given: Parameters<typeof openStore>[1]) => given?.durability
export const stored = async (from: Store) => ({
  ...(await from.events(0, 1)),
  ...(await from.look({ limit: 1 })),
  stats: await from.stats(),
  limits: await from.limits?.(),
  records: await from.records(0),
})
export const broker = createBroker({ store })
export const session = broker.session({ protocol: 'check', tenant: '', principal: '' })
export const answers = await session.commit({ ops: [{ do: 'due', limit: 1 }] })
export const follower = (of: Session) => of.follow()

export const server = new BeanstalkdServer({ broker })
export const counters = server.counters
export const address = await server.listen({ host: '127.0.0.1', port: 0 })
export const clock = ({ clock }: BeanstalkdOptions) => clock
export const sqs = new SqsServer({ broker })
export const sqsOptions = (given: SqsOptions) => ({ ...given })
export const authenticate = (given: SqsOptions) => given.authenticate
export const caller = async (given: SqsOptions) =>
  given.authenticate?.({ method: 'POST', url: '/', rawHeaders: [], body: new Uint8Array() })

export const client = await BeanstalkdClient.connect({ host: '127.0.0.1', port: 11_300 })
export const connect = BeanstalkdClient.connect
export const reserved = await client.reserve()
export const take = () => client.take()

export const tested = testQueue(jobs)
export const { clock: moved, simulate } = tested
export const records = tested.puts()
export const ran = await tested.run(handlers, 'resize', { width: 1 })
export const drained = await tested.drain(handlers)
export const happened = await tested.waitFor('resize', { width: 1 }, 'retried')
export const happening = (one: Happening) => one
export const testWorker = tested.work(handlers)

// And what it writes down, as isolatedDeclarations asks for.
export const counted: BeanstalkdCounters = server.counters
export const job1: BeanstalkdJob | undefined = await client.peek(1)
export const where: BeanstalkdAddress = address
export const time: Clock = tested.clock
export const durability: Durability = '50ms'
export const following: Follower = await session.follow()
export const seen: JobEvent[] = []
export const secured: SqsCertificate = { cert: '', key: '' }
export const everybody = (_request: SqsRequest): SqsCaller => ({
  may: (need, queue) => need === 'read' && queue === 'a',
})
