/** Puts one job after another into a tube of its own, while others load the server: node probe.ts ORDER, a ProbeOrder in JSON. Its last line is Latency in JSON. */
import { setTimeout as sleep } from 'node:timers/promises'
import { BODY } from '../body.ts'
import { Dialogue, latency } from './dialogue.ts'

export interface ProbeOrder {
  ports: number[]
  /** Milliseconds before the first put that counts, and from it to the last. */
  warm: number
  ms: number
}

/** Between two puts, so that the probe is no load itself. */
const PAUSE = 2

const order = JSON.parse(process.argv[2] ?? '') as ProbeOrder
const dialogues = await Promise.all(order.ports.map((port) => Dialogue.open(port)))
for (const dialogue of dialogues) await dialogue.ask('use probe\r\n')
await sleep(order.warm)
const times: number[] = []
const end = performance.now() + order.ms
for (let i = 0; performance.now() < end; i++) {
  const dialogue = dialogues[i % dialogues.length] as Dialogue
  const start = performance.now()
  const inserted = await dialogue.ask(`put 0 0 60 ${BODY.length}\r\n${BODY.toString()}\r\n`)
  times.push(performance.now() - start)
  await dialogue.ask(`delete ${inserted.split(' ')[1] ?? ''}\r\n`)
  await sleep(PAUSE)
}
for (const dialogue of dialogues) dialogue.close()
console.log(JSON.stringify(latency(times)))
