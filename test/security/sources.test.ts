/** What no line of the sources may do, whatever it is for. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const src = join(import.meta.dirname, '../../src')
const lines = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) =>
    readFileSync(join(src, name), 'utf8')
      .split('\n')
      .map((text, i) => ({ at: `src/${name}:${i + 1}`, text })),
  )
  // Comments have examples.
  .filter(({ text }) => !/^\s*(\/\/|\*|\/\*)/.test(text))

function none(what: RegExp): void {
  assert.deepEqual(
    lines.filter(({ text }) => what.test(text)).map(({ at, text }) => `${at}: ${text.trim()}`),
    [],
  )
}

test('no regular expression is made of text: it might be a stranger’s', () => none(/\bRegExp\(/))

test('no text is a format string: nothing formats', () =>
  none(/\butil\.format\b|\bformat(WithOptions)?\b.*from 'node:util'|\bconsole\./))

test('no code is made of text', () => none(/\beval\(|\bnew Function\(|node:vm\b/))

test('nothing is deserialised but JSON', () => none(/node:v8\b|\bdeserialize\(/))
