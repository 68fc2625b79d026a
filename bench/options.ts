import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

export interface Options {
  /** Workloads asked for; none: all. */
  names: readonly string[]
  rounds: number
  /** Of one measurement, and of the load before it that isn't measured. */
  seconds: number
  warm: number
  /** Servers that a workload is held to; undefined: all of its own. */
  only: readonly string[] | undefined
  /** Where files of the servers are made: on the disk that is to be measured. */
  folder: string
  write: boolean
  list: boolean
}

/** @throws TypeError for what it doesn't know */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      warm: { type: 'string', default: '1' },
      only: { type: 'string' },
      dir: { type: 'string', default: tmpdir() },
      'no-write': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  })
  return {
    names: positionals,
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    warm: positive('warm', values.warm),
    only: values.only?.split(','),
    folder: values.dir,
    write: !values['no-write'],
    list: values.list,
  }
}

function positive(name: string, value: string): number {
  const number = Number(value)
  if (!(number > 0)) throw new TypeError(`--${name} is '${value}'; give a number above 0.`)
  return number
}
