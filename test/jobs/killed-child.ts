/** A worker that is killed sooner or later: node killed-child.ts FILE. It writes down what its handlers begin and end, each in one go. */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Discard, open } from '../../src/index.ts'
import { jobs } from './killed-jobs.ts'

const file = process.argv[2] ?? ''
const tell = (what: string) => appendFileSync(`${file}.log`, `${what}\n`)
const queue = await open(`file:${file}`, { jobs })
const work = async ({ id, args }: { id: string; args: { deed: string } }, { attempt }: { attempt: number }) => {
  tell(`begins ${id} ${attempt} ${process.pid}`)
  if (args.deed === 'slow') await sleep(15)
  if (args.deed === 'kills' && attempt < 3) process.kill(process.pid, 'SIGKILL')
  tell(`ends ${id} ${attempt} ${process.pid}`)
  if (args.deed === 'fails' && attempt < 3) throw new Error('no')
  if (args.deed === 'discards') throw new Discard('no')
}
queue.work({ free: work, grouped: work, limited: work }, { concurrency: 3 })
process.send?.('works')
