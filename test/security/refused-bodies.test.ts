/** beanstalkd's CVE-2010-2060: the body of a put that was refused was run as commands. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serve } from '../protocols/beanstalkd/served.ts'

const BODY = 'delete 1\r\nput 0 0 60 3\r\nbad\r\nquit\r\n'

for (const [why, put, refusal] of [
  ['too large', `put 0 0 60 ${BODY.length + 40}`, 'JOB_TOO_BIG'],
  ['of a length that is none', 'put 0 0 60 -5', 'BAD_FORMAT'],
  ['of a length that no number holds', 'put 0 0 60 99999999999999999999', 'BAD_FORMAT'],
  ['not ended', `put 0 0 60 ${BODY.length}`, 'EXPECTED_CRLF'],
] as const)
  test(`a body of commands that is ${why} is never run`, async (t) => {
    const served = await serve(t, { maxJobSize: 60 })
    const talk = await served.open()
    assert.equal(await talk.ask('put 1 0 600 4', 'kept'), 'INSERTED 1')
    if (refusal === 'JOB_TOO_BIG') {
      talk.send(`${put}\r\n${BODY.padEnd(BODY.length + 40, ' ')}\r\n`)
      assert.equal(await talk.reply(), 'JOB_TOO_BIG')
    } else if (refusal === 'EXPECTED_CRLF') {
      talk.send(`${put}\r\n${BODY}!!`)
      assert.equal(await talk.reply(), 'EXPECTED_CRLF')
      // The rest of that line belongs to it.
      talk.send('\r\n')
      assert.equal(await talk.reply(), 'UNKNOWN_COMMAND')
    } else {
      // Where its body would end nobody can say: the connection's words are read on as beanstalkd does, and none of them is a put's body.
      talk.send(`${put}\r\n`)
      assert.equal(await talk.reply(), refusal)
    }
    assert.match((await talk.ask('peek 1')) ?? '', /^FOUND 1 4\r\nkept$/)
    assert.equal(await talk.ask('peek 2'), 'NOT_FOUND')
  })
