import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import { print } from './output.ts'
import { wholeNumber, withStore, work, type StoreFlag } from './work.ts'

interface Flags extends StoreFlag {
  queue: string
  body?: string
  pri?: string
  delay?: string
  ttr?: string
}

export function addPut(program: Command): void {
  withStore(program.command('put'))
    .description('put a job into a queue and say its id')
    .argument('[file]', 'a file with the body; - reads standard input')
    .requiredOption('--queue <name>', 'the queue')
    .option('--body <text>', 'the body')
    .option('--pri <number>', 'priority; lower is more urgent (default: 65536)')
    .option('--delay <time>', 'not before so long, such as 30s')
    .option('--ttr <time>', 'how long a worker may hold it, such as 10m (default: 60s)')
    .action(async (file: string | undefined, flags: Flags) => {
      const body = bodyOf(file, flags.body)
      const options = {
        ...(flags.pri !== undefined && { pri: wholeNumber(flags.pri, '--pri', 2 ** 32 - 1) }),
        ...(flags.delay !== undefined && { delay: toMs(flags.delay as Duration, '--delay') }),
        ...(flags.ttr !== undefined && { lease: toMs(flags.ttr as Duration, '--ttr') }),
      }
      print(String(await work(flags, (target) => target.put(flags.queue, body, options))))
    })
}

function bodyOf(file: string | undefined, text: string | undefined): Buffer {
  if ((file === undefined) === (text === undefined))
    throw new InvalidArgumentError('Give the body once: --body TEXT, a file, or - for standard input.')
  if (text !== undefined) return Buffer.from(text)
  try {
    return readFileSync(file === '-' ? 0 : (file as string))
  } catch (error) {
    throw new InvalidArgumentError(`The body can't be read: ${(error as Error).message}.`, { cause: error })
  }
}
