/** Receives that wait: node polls.ts ORDER, a PollsOrder in JSON. Its last line is PollsFigures in JSON. */
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { residentOf, runTimeOf } from '../servers/cpu.ts'
import { latency, type Latency } from './dialogue.ts'
import { HttpConnection } from './http-connection.ts'
import { messageBody, messageNumber, SqsRequests } from './sqs-requests.ts'

export interface PollsOrder {
  port: number
  /** The process whose memory is looked at; nobody has asked it for anything yet. */
  pid: number
  /** Each on a connection of its own, which asks again when it was answered. */
  receives: number
  /** Milliseconds during which messages are sent: those that aren't measured, and those that are. */
  warm: number
  ms: number
}

export interface PollsFigures {
  /** Resident memory in bytes: before anybody has asked for anything, and while all receives wait. */
  idle: number
  waiting: number
  /** From the begin of a send to the answer of the receive that got the message. */
  arrival: Latency
  /** Messages that have reached nobody. */
  lost: number
}

/** Connections that are being made at a time. */
const AT_ONCE = 100
/** Milliseconds from one message to the next, and up to one more, so that the two programs fall into no step. */
const EVERY = 4
const SENDERS = 10
/** Longer than a measurement: no message comes twice. */
const VISIBILITY = 3600
/** The server is quiet when it has run for less of so many milliseconds; looked at so often at the most. */
const QUIET = { share: 0.02, ms: 250, looks: 40 }
/** Messages may arrive for so long after the last was sent. */
const LATE = 1000

const order = JSON.parse(process.argv[2] ?? '') as PollsOrder
const fail = (error: Error): never => {
  console.error(error)
  process.exit(1)
}
const requests = new SqsRequests(order.port)

await quiet()
const idle = residentOf(order.pid)
const [first] = (await open(1)) as [HttpConnection]
const Attributes = { VisibilityTimeout: String(VISIBILITY) }
const made = await first.asked(requests.of('CreateQueue', { QueueName: 'polls', Attributes }))
const { QueueUrl } = JSON.parse(made) as { QueueUrl: string }

/** When each message was begun to be sent, by its number. */
const begun: number[] = []
const arrivals: number[] = []
const receive = requests.of('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 })
let ends = false
const waiting: HttpConnection[] = []
while (waiting.length < order.receives) {
  const some = await open(Math.min(AT_ONCE, order.receives - waiting.length))
  for (const connection of some) wait(connection)
  waiting.push(...some)
}
await quiet()
const memory = residentOf(order.pid)

// A connection on which nothing is asked is cut off before long.
const senders = await open(SENDERS)
collect()
await send(order.warm)
const unmeasured = begun.length
await send(order.ms)
await sleep(LATE)
ends = true
for (const connection of [first, ...waiting, ...senders]) connection.close()
const times = arrivals.slice(unmeasured).filter((time) => time !== undefined)
const figures: PollsFigures = {
  idle,
  waiting: memory,
  arrival: latency(times),
  lost: begun.length - unmeasured - times.length,
}
console.log(JSON.stringify(figures))

function open(count: number): Promise<HttpConnection[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      HttpConnection.open(order.port, (error) => {
        if (!ends) fail(error)
      }),
    ),
  )
}

function wait(connection: HttpConnection): void {
  connection.ask(receive, (answer) => {
    const now = performance.now()
    const n = messageNumber(answer)
    if (n !== undefined) arrivals[n] = now - (begun[n] as number)
    if (!ends) wait(connection)
  })
}

/** A message each few milliseconds, whether the last has arrived or not: one that is held up holds up no other's begin. */
async function send(ms: number): Promise<void> {
  const free = [...senders]
  const late: Buffer[] = []
  const next = (sender: HttpConnection, request: Buffer): void =>
    sender.ask(request, () => {
      const another = late.shift()
      if (another) next(sender, another)
      else free.push(sender)
    })
  const until = performance.now() + ms
  while (performance.now() < until) {
    const request = requests.of('SendMessage', { QueueUrl, MessageBody: messageBody(begun.length) })
    begun.push(performance.now())
    const sender = free.shift()
    if (sender) next(sender, request)
    else late.push(request)
    await sleep(EVERY + Math.random())
  }
  while (free.length < senders.length) await sleep(1)
}

/** What this program keeps for its connections has grown old then: it is not to be held up by copying that while it measures. */
function collect(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

async function quiet(): Promise<void> {
  for (let looks = 0; looks < QUIET.looks; looks++) {
    const before = runTimeOf(order.pid)
    await sleep(QUIET.ms)
    if (runTimeOf(order.pid) - before < QUIET.share * QUIET.ms * 1e6) return
  }
}
