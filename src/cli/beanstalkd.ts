import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { systemClock } from '../clock.ts'
import { InvalidArgumentError } from '../errors.ts'
import { createLog, type Log } from '../log.ts'
import { importBinlog } from '../protocols/beanstalkd/index.ts'
import { LARGEST_MAX_JOB_SIZE, VERSION } from '../protocols/beanstalkd/server.ts'
import { loadStore } from '../registry.ts'
import type { Durability } from '../stores/sqlite/durability.ts'
import { print } from './output.ts'
import { runServer } from './server.ts'
import { jobSize } from './settings.ts'
import { parseListen, type Listen } from '../protocols/address.ts'

interface Flags {
  l?: string
  p: string
  b?: string
  f?: string
  F?: boolean
  s?: string
  z: string
  u?: string
  V?: number
  v?: boolean
}

/** The file that keeps the jobs in the folder that `-b` names. */
const FILE = 'queueup.db'

export function addBeanstalkd(program: Command): void {
  program
    .command('beanstalkd')
    .description("serve as beanstalkd does, with beanstalkd's own flags")
    .option('-l <address>', 'listen on this address, or unix:PATH (default: 127.0.0.1)')
    .option('-p <port>', 'listen on this port', '11300')
    .option('-b <folder>', 'keep jobs in this folder; without it they are in memory only')
    .option('-f <ms>', 'sync at the latest so many milliseconds after a change; 0, the default: before the reply')
    .option('-F', 'never sync')
    .option('-n', 'taken for compatibility; nothing is needed for it')
    .option('-c', 'taken for compatibility; nothing is needed for it')
    .option('-s <bytes>', 'taken for compatibility: there are no binlog files of a size')
    .option('-z <bytes>', 'largest body of a job', '65535')
    .option('-u <user>', 'become this user, after the address was taken')
    .addOption(new Option('-V', 'log more').argParser((_, more: number | undefined) => (more ?? 0) + 1))
    .option('-v', 'show the version')
    .action(async (flags: Flags) => {
      if (flags.v) return print(`queueup beanstalkd ${VERSION} (queueup ${program.version() ?? ''})`)
      await run(flags)
    })
}

async function run(flags: Flags): Promise<void> {
  const { b: folder, u: user } = flags
  const log = createLog(flags.V ? 'debug' : 'info')
  if (flags.s !== undefined) log.info('-s has no meaning here: jobs are in one file, which shrinks by itself')
  const identity = user === undefined ? undefined : identityOf(user)
  const durability = durabilityOf(flags)
  // Before another user is become, to whom this package may be closed.
  const open = await loadStore(folder === undefined ? 'memory:' : `file:${join(folder, FILE)}`)
  await runServer({
    listen: [listenOf(flags)],
    maxJobSize: largestBody(flags.z, log),
    log,
    ...(identity && { dropRights: () => become(identity) }),
    open: () => open({ durability }),
    prepare: async (store) => {
      if (folder === undefined) return
      const imported = await importBinlog(folder, store, { clock: systemClock })
      if (imported === 'changed')
        log.warn(
          { folder },
          `beanstalkd's binlog has changed since it was imported, and is not imported again: what beanstalkd was given since then is not here. Remove ${FILE}* to import it anew and lose what is in that; move binlog.* away if nothing in it is missing`,
        )
      if (typeof imported !== 'object') return
      log.info(
        { jobs: imported.jobs, files: imported.files },
        "imported beanstalkd's binlog; it is left as it was and not read again",
      )
      for (const place of imported.damaged) log.warn({ place }, 'the binlog could not be read behind this place')
    },
  })
}

/** Too large a size is cut, as by beanstalkd, so that who started that starts this. */
function largestBody(written: string, log: Log): number {
  if (!/^\d+$/.test(written) || Number(written) <= LARGEST_MAX_JOB_SIZE) return jobSize(written)
  log.warn(`-z is ${written}: the largest body is ${LARGEST_MAX_JOB_SIZE} bytes`)
  return LARGEST_MAX_JOB_SIZE
}

function listenOf({ l: address = '127.0.0.1', p }: Flags): Listen {
  if (address.startsWith('unix:')) return parseListen(address)
  const port = /^\d{1,5}$/.test(p) ? Number(p) : NaN
  if (!(port <= 65_535)) throw new InvalidArgumentError(`-p is '${p}'; give a port from 0 to 65535.`)
  return { host: address, port }
}

function durabilityOf({ f, F }: Flags): Durability {
  if (F) return 'relaxed'
  if (f === undefined) return 'full'
  if (!/^\d{1,9}$/.test(f)) throw new InvalidArgumentError(`-f is '${f}'; give milliseconds.`)
  return f === '0' ? 'full' : Number(f)
}

interface User {
  name: string
  uid: number
  gid: number
}

/** Looked up before anything is taken, so that an unknown user is an error at once. */
function identityOf(name: string): User {
  const id = (flag: string) =>
    Number(execFileSync('id', [flag, '--', name], { stdio: ['ignore', 'pipe', 'ignore'] }).toString())
  try {
    return { name, uid: id('-u'), gid: id('-g') }
  } catch (error) {
    throw new InvalidArgumentError(`There is no user '${name}' on this machine.`, { cause: error })
  }
}

function become({ name, uid, gid }: User): void {
  const { initgroups } = process as { initgroups?(user: string, group: number): void }
  if (!process.setgid || !process.setuid || !initgroups)
    throw new InvalidArgumentError('-u is not possible on this system.')
  initgroups(name, gid)
  process.setgid(gid)
  process.setuid(uid)
}
