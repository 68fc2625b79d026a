/** A reserve waits in one server, a put goes to another: node handover.ts ORDER, a HandoverOrder in JSON. Its last line is Latency in JSON. */
import { setTimeout as sleep } from 'node:timers/promises'
import { BODY } from '../body.ts'
import { Dialogue, latency } from './dialogue.ts'

export interface HandoverOrder {
  /** Of the server that puts, and of the one that waits. */
  put: number
  reserve: number
  jobs: number
}

/** Until the reserve surely waits. */
const SETTLE = 4
/** Not measured. */
const WARM = 50

const order = JSON.parse(process.argv[2] ?? '') as HandoverOrder
const [putter, taker] = await Promise.all([Dialogue.open(order.put), Dialogue.open(order.reserve)])
const times: number[] = []
for (let i = 0; i < order.jobs + WARM; i++) {
  const reserved = taker.ask('reserve\r\n')
  await sleep(SETTLE + Math.random())
  const start = performance.now()
  const inserted = putter.ask(`put 0 0 60 ${BODY.length}\r\n${BODY.toString()}\r\n`)
  const job = await reserved
  if (i >= WARM) times.push(performance.now() - start)
  await inserted
  await taker.ask(`delete ${job.split(' ')[1] ?? ''}\r\n`)
}
putter.close()
taker.close()
console.log(JSON.stringify(latency(times)))
