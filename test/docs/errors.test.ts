import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as errors from '../../src/errors.ts'
import { pages } from './pages.ts'

const { text } = pages.find((page) => page.path === 'docs/errors.md') ?? { text: '' }

test('docs/errors.md explains each error: what happened, and what to do', () => {
  const thrown = Object.values(errors).filter((one) => one !== errors.QueueupError) as (new (
    why: string,
  ) => errors.QueueupError)[]
  const explained = new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  )
  const codes = thrown.map((Thrown) => {
    const { code, name } = new Thrown('x')
    const section = explained.get(code)
    assert.ok(section, `${code} has no section`)
    assert.ok(section.includes(`\`${name}\``), `${code} doesn't name its class, ${name}`)
    for (const part of ['**What happened.**', '**What to do.**'])
      assert.ok(section.includes(part), `${code} lacks ${part}`)
    return code
  })
  assert.deepEqual([...explained.keys()].sort(), codes.sort())
})
