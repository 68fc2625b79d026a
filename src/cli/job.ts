import { styleText } from 'node:util'
import type { Command } from 'commander'
import type { JobInfo } from '../jobs/info.ts'
import { print, shown } from './output.ts'
import { Failed, jobId, onTarget, withStore, type StoreFlag } from './store-flag.ts'

export function addJob(program: Command): void {
  withStore(program.command('job'))
    .description("say why a job isn't running, and everything else about it")
    .argument('<id>', 'the job')
    .option('--json', 'as JSON')
    .action(async (id: string, flags: StoreFlag & { json?: boolean }) => {
      const job = jobId(id)
      const [why, info] = await onTarget(flags, async (target) => [await target.why(job), await target.info(job)])
      if (why === undefined || !info) throw new Failed(`There is no job ${job}.`)
      if (flags.json) return print(JSON.stringify({ ...jsonOf(info), id: String(job), reason: why }))
      print(shown(why))
      print('')
      for (const line of linesOf(info)) print(line)
    })
}

/** As it is, but for the body of what is no message: in base64. */
export function jsonOf({ body, ...info }: Partial<JobInfo>): Record<string, unknown> {
  return { ...info, ...(body && { body: Buffer.from(body).toString('base64') }) }
}

function linesOf(info: Partial<JobInfo>): string[] {
  const fields: [string, string | undefined][] = [
    ['name', info.name || undefined],
    ['queue', info.queue],
    ['state', info.state],
    ['why', info.why],
    ['priority', info.priority?.toString()],
    ['group', info.group],
    ['put', info.putAt?.toISOString()],
    ['due', info.dueAt?.toISOString()],
    ['started', startsOf(info)],
    ['args', info.args === undefined ? undefined : JSON.stringify(info.args)],
    ['body', info.body && Buffer.from(info.body).toString()],
    ['size', info.size === undefined ? undefined : `${info.size} bytes`],
    ['progress', info.progress === undefined ? undefined : JSON.stringify(info.progress)],
    ['error', info.error],
    ['ended', info.outcome && `${info.outcome.as} at ${info.outcome.at.toISOString()}`],
    ['result', info.outcome?.result === undefined ? undefined : JSON.stringify(info.outcome.result)],
  ]
  return [
    ...fields.flatMap(([name, text]) => (text === undefined ? [] : [`${name.padEnd(10)}${shown(text)}`])),
    ...part(
      'deaths',
      (info.deaths ?? []).map((death) => `${death.at.toISOString()}  ${shown(deathText(death))}`),
    ),
    ...part('attempts', (info.attempts ?? []).flatMap(attemptLines)),
    ...part(
      'logs',
      (info.logs ?? []).map(({ at, text }) => `${at.toISOString()}  ${shown(text)}`),
    ),
  ]
}

function startsOf({ starts = 0, failures = 0, startedAt }: Partial<JobInfo>): string {
  if (starts === 0) return 'never'
  const first = startedAt ? `, first at ${startedAt.toISOString()}` : ''
  return `${starts === 1 ? 'once' : `${starts} times`}${failures > 0 ? `, ${failures} failed` : ''}${first}`
}

/** Such as `rejected in mail (2)`. */
export function deathText({ queue, why, count }: JobInfo['deaths'][number]): string {
  return `${why} in ${queue} (${count})`
}

function attemptLines({ attempt, at, ms, error, stack }: JobInfo['attempts'][number]): string[] {
  const frames = (stack ?? '').split('\n').filter((line) => /^\s+at |^Caused by/.test(line))
  return [
    `${attempt}  ${at.toISOString()}  after ${ms} ms  ${shown(error)}`,
    ...frames.map((line) => styleText('dim', `   ${shown(line)}`)),
  ]
}

function part(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', styleText('bold', title), ...lines.map((line) => `  ${line}`)]
}
