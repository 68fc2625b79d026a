import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Glob, isGlob } from '../../src/access/glob.ts'
import { allows, parsePermission, permissionText } from '../../src/access/permission.ts'
import { EVERYBODY, principal } from '../../src/access/principal.ts'
import { check } from '../model/seeds.ts'

describe('a permission', () => {
  test('is read and written as people write it', () => {
    for (const [text, written] of [
      ['write:mail', 'write:mail'],
      ['configure,read:mail-*', 'read,configure:mail-*'],
      ['read,write,configure:*', 'all:*'],
      ['all:*.fifo', 'all:*.fifo'],
    ] as const)
      assert.equal(permissionText(parsePermission(text)), written)
  })

  test('that is none is refused with a sentence', () => {
    for (const text of [
      '',
      'mail',
      ':mail',
      'write:',
      'send:mail',
      'write,:mail',
      'write:a b',
      'write:(a+)+$|',
      '__proto__:*',
    ])
      assert.throws(() => parsePermission(text), { code: 'QUEUEUP_INVALID_ARGUMENT' }, text)
  })

  test('allows what it names, where it says', () => {
    const mine = [parsePermission('write:mail-*'), parsePermission('read,configure:mail-in')]
    assert.ok(allows(mine, 'write', 'mail-out'))
    assert.ok(!allows(mine, 'read', 'mail-out'))
    assert.ok(allows(mine, 'read', 'mail-in'))
    assert.ok(!allows(mine, 'write', 'other'))
  })

  test('of a key takes away from its user, and never adds', () => {
    const user = [parsePermission('write:mail')]
    const key = principal('web', 'K', user, [parsePermission('all:*')])
    assert.ok(key.may('write', 'mail'))
    assert.ok(!key.may('read', 'mail'))
    assert.ok(!principal('web', 'K', user, [parsePermission('read:*')]).may('write', 'mail'))
    assert.ok(EVERYBODY.may('configure', 'mail'))
  })

  test('of a key that may nothing of what its user may is not any', () => {
    const user = [parsePermission('read:mail')]
    assert.ok(principal('web', 'K', user, [parsePermission('all:mail')]).may('any', 'mail'))
    assert.ok(!principal('web', 'K', user, [parsePermission('write:mail')]).may('any', 'mail'))
    assert.ok(principal('web', 'K', user).may('any', 'mail'))
    assert.ok(!principal('web', 'K', user).may('any', 'other'))
  })
})

describe('a pattern', () => {
  test('matches as stars do', () => {
    for (const [pattern, yes, no] of [
      ['mail', ['mail'], ['mail2', 'amail', '']],
      ['*', ['', 'mail'], []],
      ['mail-*', ['mail-', 'mail-out'], ['mail']],
      ['*.fifo', ['a.fifo', '.fifo'], ['afifo', 'a.fifo2']],
      ['a*a', ['aa', 'aba'], ['a']],
      ['a*b*c', ['abc', 'aXbYc', 'abbc'], ['acb', 'ab', 'ac']],
      ['*a*a*', ['aa', 'xaxax'], ['a', 'xax']],
      ['a.c', ['a.c'], ['abc']],
    ] as const) {
      for (const name of yes) assert.ok(new Glob(pattern).matches(name), `${pattern} ${name}`)
      for (const name of no) assert.ok(!new Glob(pattern).matches(name), `${pattern} ${name}`)
    }
  })

  test('matches as a plain reading of it does', async () => {
    const slow = (pattern: string, name: string): boolean =>
      pattern === ''
        ? name === ''
        : pattern[0] === '*'
          ? slow(pattern.slice(1), name) || (name !== '' && slow(pattern, name.slice(1)))
          : pattern[0] === name[0] && slow(pattern.slice(1), name.slice(1))
    const letters = (of: string, length: number) =>
      fc.array(fc.constantFrom(...of), { minLength: 1, maxLength: length }).map((all) => all.join(''))
    await check(
      'globs',
      fc.asyncProperty(letters('ab*', 7), letters('ab', 9), (pattern, name) => {
        assert.equal(new Glob(pattern).matches(name), slow(pattern, name))
        return Promise.resolve()
      }),
      3000,
    )
  })

  test('never takes long: what makes a regular expression take for ever is looked at once', () => {
    const glob = new Glob('*a'.repeat(99) + '*b')
    assert.ok(!glob.matches('a'.repeat(200_000)))
  })

  test('has no more than the marks of names, and stars', () => {
    for (const text of ['', 'a b', 'a?', '[a]', 'a\n', 'ä', 'a'.repeat(201)]) assert.ok(!isGlob(text), text)
  })
})
