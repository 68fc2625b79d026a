import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { queueup } from './cli.ts'
import { Place } from './place.ts'
import { Going, workUntilEmpty } from './work.ts'

const run = promisify(execFile)
const CLI = join(import.meta.dirname, '../../src/cli/queueup.ts')

const FILES = {
  'jobs.ts': `
import { defineJobs, job } from 'queueup'
const schema = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) =>
      typeof (value as { to?: unknown } | undefined)?.to === 'string'
        ? { value: value as { to: string } }
        : { issues: [{ message: 'must be a text', path: ['to'] }] },
  },
}
export const jobs = defineJobs({
  sendMail: job(schema, { queue: 'mail', retries: 0 }),
  add: job<{ a: number; b: number }, number>({ result: true }),
  map: job(),
})
`,
  'handlers.ts': `
import { Discard, RetryLater, type Handlers } from 'queueup'
import { jobs } from './jobs.ts'
export { jobs }
export const handlers: Handlers<typeof jobs> = {
  async sendMail({ args }, { log, progress, put }) {
    log('to ' + args.to)
    progress(0.5)
    if (args.to === 'nobody') throw new Discard('there is no \\u001b[31mnobody')
    if (args.to === 'later') throw new RetryLater('1m')
    if (args.to === 'chain') await put('add', { a: 1, b: 2 })
  },
  async add({ args }) {
    return args.a + args.b
  },
  map: () => new Map(),
}
export function close() {
  console.log('closed')
}
`,
}

test('init writes what works as it is, and never over a file', async (t) => {
  const place = await Place.make(t)
  const first = await place.run('init')
  assert.equal(first.code, 0)
  assert.match(first.out, /queueup work\n.*queueup put sendMail/)
  // Whoever runs this test isn't to be asked by the other whether it may run one.
  const { NODE_TEST_CONTEXT: _ours, ...env } = process.env
  const { stdout } = await run(process.execPath, ['--test'], { cwd: place.folder, env })
  assert.match(stdout, /pass 1/)
  assert.equal((await place.run('put', 'sendMail', '{"mail_type":"welcome","mail_to":"ada"}')).out, '1\n')
  assert.match(await workUntilEmpty(place), /"name":"sendMail".*"msg":"done"/)

  await place.write('jobs.ts', '// mine')
  const second = await place.run('init')
  assert.deepEqual([second.code, await readFile(join(place.folder, 'jobs.ts'), 'utf8')], [1, '// mine'])
  const other = await place.run('init', 'deeper/still')
  assert.match(other.out, /cd deeper\/still && npx queueup work/)
})

test('init writes what works in a package of CommonJS too, which npm init makes; what does not is told why', async (t) => {
  const place = await Place.make(t)
  await place.write('package.json', '{ "type": "commonjs" }')
  assert.match((await place.run('init')).out, /^wrote jobs\.mts\nwrote handlers\.mts\nwrote jobs\.test\.mts\n/)
  const { NODE_TEST_CONTEXT: _ours, ...env } = process.env
  const { stdout } = await run(process.execPath, ['--test'], { cwd: place.folder, env })
  assert.match(stdout, /pass 1/)
  assert.equal((await place.run('put', 'sendMail', '{"mail_type":"welcome","mail_to":"ada"}')).out, '1\n')
  assert.match(await workUntilEmpty(place), /"name":"sendMail".*"msg":"done"/)

  await place.write('jobs.ts', `import { defineJobs } from 'queueup'\nexport const jobs = defineJobs({})\n`)
  const { code, error } = await place.run('put', 'sendMail', '{}')
  assert.equal(code, 1)
  assert.match(error, /jobs\.ts can't be loaded: .*"type": "module".*\.mts/)
})

test('put checks a job against its definition, and says when its key was taken', async (t) => {
  const place = await Place.make(t, FILES)
  const wrong = await place.run('put', 'sendMail', '{"to":7}')
  assert.deepEqual([wrong.code, wrong.out], [2, ''])
  assert.match(wrong.error, /sendMail.*to.*must be a text/)
  assert.match(
    (await place.run('put', 'sendMial', '{"to":"x"}')).error,
    /no job 'sendMial'. Defined are: sendMail, add, map/,
  )
  assert.match((await place.run('put', 'sendMail', '{to:1}')).error, /no JSON.*quotes/)
  assert.deepEqual((await place.json<object[]>('stats')).length, 0)

  const key = ['--unique-key', 'k', '--delay', '1h', '--priority', '3', '--group', 'g', '--retries', '2']
  assert.equal((await place.run('put', 'sendMail', '{"to":"ada"}', ...key)).out, '1\n')
  const again = await place.run('put', 'sendMail', '{"to":"ada"}', ...key)
  assert.deepEqual([again.code, again.out], [0, '1\n'])
  assert.match(again.error, /already/)
  assert.deepEqual(await place.json('put', 'sendMail', '{"to":"eve"}', ...key, '--on-duplicate', 'replace'), {
    id: '1',
    duplicate: false,
    replaced: true,
  })
  const job = await place.json<Record<string, unknown>>('job', '1')
  assert.deepEqual(
    [job['name'], job['queue'], job['state'], job['priority'], job['group'], job['args']],
    ['sendMail', 'mail', 'delayed', 3, 'g', { to: 'eve' }],
  )
  const piped = await queueup(place.folder, ['put', 'sendMail', '-'], { input: '{"to":"piped"}' })
  assert.equal(piped.code, 0)
  assert.equal((await place.run('put', 'sendMail', '{}', '--body', 'x')).code, 2)
  assert.equal((await place.run('put', '--queue', 'raw', '--body', 'x', '--group', 'g')).code, 2)
  assert.equal((await place.run('put')).code, 2)
})

test('standard input is waited for', async (t) => {
  const place = await Place.make(t, FILES)
  const slow = async (...args: string[]) => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: place.folder, stdio: ['pipe', 'pipe', 'inherit'] })
    const out = textOf(child.stdout)
    const ended = once(child, 'exit') as Promise<unknown[]>
    child.stdin.on('error', () => undefined)
    // One that wouldn't wait ends meanwhile.
    await Promise.race([ended, sleep(1500)])
    child.stdin.end('{"to":"ada"}')
    return [(await ended)[0], await out]
  }
  assert.deepEqual(await slow('put', 'sendMail', '-'), [0, '1\n'])
  assert.deepEqual(await slow('put', '--queue', 'raw', '-'), [0, '2\n'])
})

test('what would be passed over, or wait for ever, is refused', async (t) => {
  const place = await Place.make(t, FILES)
  for (const [args, message] of [
    [['put', 'sendMail', '{"to":"x"}', '--unique-for', '5m'], /--unique-for goes with --unique-key/],
    [['put', 'sendMail', '{"to":"x"}', '--on-duplicate', 'keep'], /--on-duplicate goes with --unique-key/],
    [['put', '--queue', 'a b', '--body', 'x'], /'a b' can't be a queue's name/],
    [['tail', '--type', 'fialed'], /--type is 'fialed'; it takes put, started/],
    [['tail', '--max', '0'], /--max is 0/],
    [['dead', 'list', '--match', 'x'], /--name and --match choose among the jobs of --queue NAME/],
    [['work', '--queue', 'mail', 'none.ts'], /no file .*none\.ts/],
    [['work', '--watch', 'none.ts'], /no file .*none\.ts/],
    [['run', 'constructor'], /no job 'constructor'/],
    [['work', '--watch', '--concurrency', '0'], /--concurrency is 0/],
    [['work', '--processes', '2', '--stop-within', 'soon'], /--stop-within is "soon"/],
  ] as const) {
    const { code, error } = await place.run(...args)
    assert.deepEqual([code, message.test(error)], [2, true], `${args.join(' ')}: ${error}`)
  }
})

test("a queue's name may have a slash, as in the jobs API and in beanstalkd's protocol", async (t) => {
  const place = await Place.make(t, FILES)
  await place.run('put', '--queue', 'mail/eu', '--body', 'x')
  const [queue] = await place.json<{ queue: string; ready: number }[]>('stats')
  assert.deepEqual([queue?.queue, queue?.ready], ['mail/eu', 1])
  assert.equal((await place.run('peek', '--queue', 'mail/eu')).out, 'x')
  await place.run('queue', 'set', 'mail/eu', 'dead=mail/dead')
  assert.equal((await place.run('queue', 'show', 'mail/eu')).out, 'dead=mail/dead\n')
  assert.deepEqual(await place.json('queue', 'show', 'mail/eu'), { dead: 'mail/dead' })
  assert.match((await place.run('clear', '--queue', 'mail/eu')).out, /deleted 1/)
})

test('a reader that has gone ends a command without a word; a full disk is a sentence', async (t) => {
  const place = await Place.make(t, FILES)
  await place.run('put', 'add', '{"a":1,"b":2}')
  const stats = (stdout: 'pipe' | number) => {
    const child = spawn(process.execPath, [CLI, 'stats'], { cwd: place.folder, stdio: ['ignore', stdout, 'pipe'] })
    child.stdout?.destroy()
    return Promise.all([once(child, 'close') as Promise<unknown[]>, textOf(child.stderr as Readable)])
  }
  assert.deepEqual(await stats('pipe'), [[0, null], ''])
  const full = openSync('/dev/full', 'w')
  const [[code], error] = await stats(full)
  closeSync(full)
  assert.equal(code, 1)
  assert.match(error, /^queueup: The output can't be written: ENOSPC.*\n$/)
})

test('a module that lacks something says what to write', async (t) => {
  const place = await Place.make(t, {
    ...FILES,
    'bad.ts': 'export const jobs = 7',
    'throws.ts': 'throw new Error("oh")',
  })
  assert.match((await place.run('work', './jobs.ts')).error, /exports no 'handlers'.*Handlers<typeof jobs>/)
  assert.match((await place.run('work', './bad.ts')).error, /exports no 'jobs'.*defineJobs/)
  assert.match((await place.run('work', './none.ts')).error, /no file .*none\.ts.*queueup init/)
  const throws = await place.run('put', 'sendMail', '{}', '--jobs', 'throws.ts')
  assert.equal(throws.code, 1)
  assert.match(throws.error, /throws\.ts can't be loaded:\nError: oh\n +at /)
  await place.write('enum.ts', 'export enum E { A }\nexport const jobs = {}')
  assert.match((await place.run('put', 'x', '--jobs', 'enum.ts')).error, /only takes types out/)
})

test('a file may be CommonJS, whatever its module.exports looks like', async (t) => {
  const place = await Place.make(t, {
    'handlers.cjs': `
const { defineJobs, job } = require('queueup')
module.exports = {
  jobs: defineJobs({ add: job() }),
  handlers: { add: ({ args }) => args.a + args.b },
  close() {
    console.log('closed')
  },
}
`,
  })
  const { code, out, error } = await place.run('run', 'add', '{"a":2,"b":40}', '--jobs', 'handlers.cjs')
  assert.deepEqual([code, out, error], [0, 'closed\n42\n', ''])
})

test('run works one job here: logs, progress, result, what it puts, and 1 where it failed', async (t) => {
  const place = await Place.make(t, FILES)
  const add = await place.run('run', 'add', '{"a":2,"b":40}')
  assert.equal(add.code, 0)
  assert.match(add.out, /^42$/m)
  assert.match(add.out, /^closed$/m)
  const mail = await place.run('run', 'sendMail', '{"to":"chain"}')
  assert.deepEqual([mail.code, mail.error], [0, 'to chain\nprogress 0.5\nput job 1: add\n'])
  assert.equal((await place.json<{ ready: number }[]>('stats'))[0]?.ready, 1)
  const failed = await place.run('run', 'sendMail', '{"to":"nobody"}')
  assert.equal(failed.code, 1)
  assert.match(failed.error, /'sendMail' failed: Discard: there is no .*nobody\n +at .*handlers\.ts/)
  assert.match((await place.run('run', 'sendMail', '{"to":"later"}')).error, /tried again after 1m/)
  assert.equal((await place.run('run', 'sendMail', '{"to":1}')).code, 2)
  assert.equal((await place.run('run', 'unknown')).code, 2)
  const unasked = await place.run('run', 'map')
  assert.deepEqual(
    [unasked.code, unasked.out, unasked.error],
    [0, 'closed\n', ''],
    'a worker keeps no such result, either',
  )
})

test('what failed is shown with its attempts and logs, listed, and goes back to work', async (t) => {
  const place = await Place.make(t, FILES)
  for (const to of ['nobody', 'nobody', 'ada']) await place.run('put', 'sendMail', JSON.stringify({ to }))
  assert.match(
    await workUntilEmpty(place),
    /"err":\{"type":"Discard","message":"Discard: there is no [^}]*"\},"msg":"failed"/,
  )
  const shown = (await place.run('job', '1')).out
  assert.match(shown, /^Buried as rejected[^]*error +Discard: there is no/)
  assert.match(shown, /attempts\n +1 .*Discard: there is no[^]*at .*handlers\.ts[^]*logs\n.* to nobody/)
  assert.match((await place.run('job', '3')).error, /no job 3/)
  assert.deepEqual(await place.json('dead', 'list'), [{ queue: 'mail', jobs: 2 }])
  assert.match((await place.run('dead', 'list', '--queue', 'mail')).out, /^ID[^\n]*\n1 +sendMail +1 +rejected +Discard/)
  assert.deepEqual(await place.json('retry', '--queue', 'mail', '--match', 'elsewhere'), { retried: 0 })
  assert.deepEqual(await place.json('retry', '--queue', 'mail', '--name', 'sendMail', '--match', 'nobody'), {
    retried: 2,
  })
  assert.equal((await place.json<{ failures: number }>('job', '1')).failures, 0)
  const again = await place.run('retry', '1')
  assert.deepEqual([again.code, again.out], [1, ''])
  await workUntilEmpty(place)
  assert.equal((await place.run('retry', '1', '2')).out, 'retried 1\nretried 2\n')
  assert.equal((await place.run('cancel', '1')).out, 'cancelled 1\n')
  assert.equal((await place.run('cancel', '1')).code, 1)
  assert.equal((await place.run('retry')).code, 2)
})

test('a redrive sends none back twice, however soon it dies again', async (t) => {
  const place = await Place.make(t, FILES)
  for (const to of ['nobody', 'nobody', 'ada']) await place.run('put', 'sendMail', JSON.stringify({ to }))
  await workUntilEmpty(place)
  const worker = new Going(place, 'work')
  await worker.says('"msg":"working"')
  // A slower rate than the worker's: what was sent back is dead again before the next is.
  for (const choice of [[], ['--match', 'nobody']])
    assert.deepEqual(await place.json('dead', 'redrive', '--queue', 'mail', '--rate', '10', ...choice), { redriven: 2 })
  await worker.says('set aside for good', 4)
  await worker.stop()
})

test('dead letters are redriven to where they died, in slices', async (t) => {
  const place = await Place.make(t, FILES)
  await place.run('queue', 'set', 'mail', 'dead=mail.dead')
  for (let i = 0; i < 3; i++) await place.run('put', 'sendMail', '{"to":"nobody"}')
  await workUntilEmpty(place)
  assert.deepEqual(await place.json('dead', 'list'), [{ queue: 'mail.dead', jobs: 3, of: ['mail'] }])
  const dead = await place.json<{ id: string; why: string }[]>('dead', 'list', '--queue', 'mail.dead')
  assert.deepEqual(dead.map(({ id, why }) => `${id} ${why}`).sort(), ['1 rejected', '2 rejected', '3 rejected'])
  assert.match((await place.run('job', '1')).out, /^deaths\n {2}20\S+Z {2}rejected in mail \(1\)$/m)
  assert.match((await place.run('peek', '1')).error, /deaths rejected in mail \(1\)/)
  const { redriven } = await place.json<{ redriven: number }>(
    ...['dead', 'redrive', '--queue', 'mail.dead', '--rate', '20', '--max', '2'],
  )
  assert.equal(redriven, 2)
  assert.equal(
    (await place.json<{ queue: string; ready: number }[]>('stats')).find((one) => one.queue === 'mail')?.ready,
    2,
  )
  const [redrivenId = ''] = dead.map(({ id }) => id)
  assert.equal((await place.json<{ why?: string }>('job', redrivenId)).why, undefined)
  const log = await workUntilEmpty(place)
  assert.equal(log.match(/"attempt":1,[^\n]*"msg":"failed"/g)?.length, 2, log)
  assert.equal((await place.run('dead', 'redrive', '--queue', 'mail.dead', '--rate', '0')).code, 2)
})
