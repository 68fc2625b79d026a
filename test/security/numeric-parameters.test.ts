/** RabbitMQ's CVE-2015-8786, Faktory's CVE-2023-37279, Sidekiq's CVE-2023-26141: a number without limits takes the memory or the processor. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { resolveSettings } from '../../src/cli/settings.ts'
import { parsePolicy, SETTINGS } from '../../src/broker/policies.ts'
import { queueup } from '../cli/cli.ts'
import { serve } from '../protocols/beanstalkd/served.ts'

const WILD = [
  '1e9',
  '-1',
  'NaN',
  'Infinity',
  '0x10',
  '1.5',
  '9223372036854775808',
  '18446744073709551616',
  '1'.repeat(300),
  '',
  '+1',
  '١',
]

describe('a number that is none, or too large,', () => {
  const folder = mkdtempSync(join(tmpdir(), 'queueup-numbers-'))
  after(() => rmSync(folder, { recursive: true }))

  test('in any command of beanstalkd is refused, and the server goes on', async (t) => {
    const served = await serve(t)
    for (const command of [
      (n: string) => `put ${n} 0 60 1`,
      (n: string) => `put 0 ${n} 60 1`,
      (n: string) => `put 0 0 ${n} 1`,
      (n: string) => `put 0 0 60 ${n}`,
      (n: string) => `reserve-with-timeout ${n}`,
      (n: string) => `reserve-job ${n}`,
      (n: string) => `delete ${n}`,
      (n: string) => `release ${n} 0 0`,
      (n: string) => `release 1 ${n} 0`,
      (n: string) => `release 1 0 ${n}`,
      (n: string) => `bury 1 ${n}`,
      (n: string) => `touch ${n}`,
      (n: string) => `peek ${n}`,
      (n: string) => `kick ${n}`,
      (n: string) => `kick-job ${n}`,
      (n: string) => `stats-job ${n}`,
      (n: string) => `pause-tube default ${n}`,
    ])
      for (const n of WILD) {
        const talk = await served.open()
        talk.send(`${command(n)}\r\n`)
        talk.finish()
        const reply = await talk.reply(10_000)
        // Nothing to be found, or not understood; or a body is waited for that never comes.
        assert.match(
          reply ?? 'nothing',
          /^(BAD_FORMAT|NOT_FOUND|TIMED_OUT|KICKED 0|UNKNOWN_COMMAND|JOB_TOO_BIG|nothing|PAUSED)$/,
          command(n),
        )
      }
    const talk = await served.open()
    assert.equal(await talk.ask('put 0 0 60 1', 'x'), 'INSERTED 1')
    assert.deepEqual(served.errors, [])
  })

  test('in a setting of the server is refused', () => {
    for (const n of [...WILD, '0']) {
      assert.throws(() => resolveSettings({ maxJobSize: n }, undefined, {}), { code: 'QUEUEUP_INVALID_ARGUMENT' }, n)
      // Port 0 is a free one.
      if (n !== '0')
        assert.throws(
          () => resolveSettings({ beanstalkd: [`127.0.0.1:${n}`] }, undefined, {}),
          { code: 'QUEUEUP_INVALID_ARGUMENT' },
          n,
        )
    }
    for (const n of ['-1', 'NaN', '1e99 s', `${'9'.repeat(300)}s`, 'Infinityms'])
      assert.throws(() => resolveSettings({ durability: n }, undefined, {}), { code: 'QUEUEUP_INVALID_ARGUMENT' }, n)
  })

  test('in a setting of a queue is refused', () => {
    for (const name of Object.keys(SETTINGS)) {
      if (['dead', 'overflow', 'backoff'].includes(name)) continue
      // Nothing at all takes the setting back.
      for (const n of WILD.filter((one) => one !== ''))
        assert.throws(() => parsePolicy([`${name}=${n}`]), { code: 'QUEUEUP_INVALID_ARGUMENT' }, `${name}=${n}`)
    }
    for (const n of ['-1', 'NaN', 'Infinity', '1e9', '9223372036854775808', ''])
      assert.throws(() => parsePolicy([`backoff=1s,${n},1h`]), { code: 'QUEUEUP_INVALID_ARGUMENT' }, n)
  })

  test('on the command line is a sentence, and exit code 2', async () => {
    const wrong = ['-1', 'NaN', '9223372036854775808'].flatMap((n) => [
      ['peek', n],
      ['kick', '--queue', 'mail', `--max=${n}`],
      ['put', '--queue', 'mail', '--body', 'x', `--pri=${n}`],
    ])
    for (const args of wrong) {
      const { code, error } = await queueup(folder, args)
      assert.equal(code, 2, args.join(' '))
      assert.doesNotMatch(error, /\n {4}at /)
    }
  })
})
