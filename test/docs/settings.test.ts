import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEYS } from '../../src/cli/settings.ts'
import { pages } from './pages.ts'

const { text } = pages.find((page) => page.path === 'docs/configuration.md') ?? { text: '' }

test('docs/configuration.md has every setting: its flag, its name in the file, and its variable', () => {
  const named = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name)
  const table = new Set(
    text
      .split('\n')
      .flatMap((line) => [...(line.split(/ (?<!\\)\| /)[2] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name)),
  )
  for (const key of KEYS) {
    assert.ok(table.has(key), key)
    if (key === 'queues') continue
    const words = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    assert.ok(named(/`--([\w-]+)/g).includes(words), words)
    const variable = `QUEUEUP_${words.toUpperCase().replaceAll('-', '_')}`
    assert.ok(named(/`(QUEUEUP_\w+)`/g).includes(variable), variable)
  }
})
