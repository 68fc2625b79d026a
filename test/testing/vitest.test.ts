import { spawnSync } from 'node:child_process'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../docs/pages.ts'
import { needs } from '../needs.ts'

const mail = `
import { defineJobs, job } from '${join(root, 'src/index.ts')}'
import { testQueue } from '${join(root, 'src/testing/index.ts')}'

const jobs = defineJobs({ sendMail: job(), later: job() })
const handlers = {
  sendMail: async ({ args }, ctx) => {
    ctx.log('to ' + args.mail_to)
    await ctx.put('later', undefined, { delay: '1h' })
    if (args.mail_to === 'down') throw new Error('refused')
    return args.mail_to
  },
  later: () => 'later',
}

test('drains, waits and simulates', async () => {
  vi.useFakeTimers()
  const queue = testQueue(jobs)
  await queue.put('sendMail', { mail_to: 'ada' })
  expect((await queue.drain(handlers)).done).toBe(1)
  queue.assertPut('later')
  expect(() => queue.assertPut('sendMail', { mail_to: 'bob' })).toThrow(/was put never/)
  expect((await queue.run(handlers, 'sendMail', { mail_to: 'eve' })).logs).toEqual(['to eve'])
  queue.work(handlers)
  await queue.clock.advance('1h')
  expect((await queue.waitFor('later')).result).toBe('later')
  await expect(queue.run(handlers, 'sendMail', { mail_to: 'down' })).rejects.toThrow('refused')
  await queue.simulate.crash()
  await queue.close()
})
`

if (needs('vitest'))
  test('works under vitest, with its fake timers on', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'queueup-vitest-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'mail.test.js'), mail)
    const args = ['run', '--globals', '--root', folder, '--reporter', 'tap-flat']
    const { status, stdout, stderr } = spawnSync('vitest', args, { encoding: 'utf8', env: { ...process.env, CI: '1' } })
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /ok 1 .*drains, waits and simulates/)
  })
