import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Access, Users } from '../../src/access/index.ts'
import { createBroker } from '../../src/broker/store-broker.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openKept, type Kept } from './kept.ts'

const PASSPHRASE = 'correct horse battery staple'

describe('users', () => {
  let kept: Kept
  afterEach(() => kept.close())

  const secrets = async (): Promise<string> => JSON.stringify((await kept.store.records(0)).changed)

  test('have a key that is told once, and permissions', async () => {
    kept = await openKept()
    const made = await kept.users.add('web', ['write:mail-*'])
    assert.match(made?.id ?? '', /^QUP[A-Z2-7]{17}$/)
    assert.match(made?.secret ?? '', /^[A-Za-z0-9_-]{40}$/)
    await kept.broker.records.refresh()
    const key = kept.access.key(made?.id ?? '')
    assert.equal(key?.secret, made?.secret)
    assert.equal(key?.principal.name, 'web')
    assert.ok(key?.principal.may('write', 'mail-out'))
    assert.ok(!key?.principal.may('read', 'mail-out'))
    const [user, ...others] = await kept.users.list()
    assert.equal(others.length, 0)
    assert.deepEqual(user?.permissions, ['write:mail-*'])
    assert.doesNotMatch(JSON.stringify(user), new RegExp(made?.secret ?? ''))
    assert.equal(await kept.users.add('web', []), undefined)
  })

  test('have keys that may less than they: both must allow it', async () => {
    kept = await openKept()
    await kept.users.add('web', ['write:mail-*', 'read:in'])
    const made = await kept.users.rotate('web', { permissions: ['all:mail-out', 'write:in'] })
    await kept.broker.records.refresh()
    const { may } = kept.access.key(made?.id ?? '')?.principal ?? {}
    assert.deepEqual(
      [may?.('write', 'mail-out'), may?.('write', 'mail-in'), may?.('read', 'mail-out'), may?.('any', 'in')],
      [true, false, false, false],
    )
    assert.deepEqual((await kept.users.list())[0]?.keys.at(-1)?.permissions, ['all:mail-out', 'write:in'])
  })

  test('rotate: both keys are valid until one is removed', async () => {
    kept = await openKept()
    const first = await kept.users.add('web', ['all:*'])
    const second = await kept.users.rotate('web')
    await kept.broker.records.refresh()
    assert.ok(first && second && first.id !== second.id)
    assert.ok(kept.access.key(first.id) && kept.access.key(second.id))
    assert.ok(await kept.users.removeKey('web', first.id))
    await kept.broker.records.refresh()
    assert.equal(kept.access.key(first.id), undefined)
    assert.ok(kept.access.key(second.id))
    assert.equal(await kept.users.removeKey('web', first.id), false)
    assert.equal(await kept.users.removeKey('other', second.id), false)
    assert.equal(await kept.users.rotate('other'), undefined)
  })

  test('that are removed leave no key', async () => {
    kept = await openKept()
    const first = await kept.users.add('web', ['all:*'])
    await kept.users.rotate('web')
    assert.ok(await kept.users.remove('web'))
    assert.equal(await kept.users.remove('web'), false)
    assert.equal((await secrets()).includes('key/'), false)
    await kept.broker.records.refresh()
    assert.equal(kept.access.key(first?.id ?? ''), undefined)
    await kept.users.add('web', [])
    await kept.broker.records.refresh()
    assert.equal(kept.access.key(first?.id ?? ''), undefined)
  })

  test('that are removed and given keys at the same time leave no key without a user', async () => {
    kept = await openKept()
    for (let i = 0; i < 20; i++) {
      await kept.users.add('web', [])
      await Promise.all([kept.users.rotate('web'), kept.users.remove('web'), kept.users.rotate('web')])
      if ((await kept.users.list()).length > 0) await kept.users.remove('web')
      assert.equal((await secrets()).includes('key/'), false)
    }
  })

  test('have a permission changed for their keys at once', async () => {
    kept = await openKept()
    const made = await kept.users.add('web', ['write:mail'])
    await kept.broker.records.refresh()
    assert.ok(!kept.access.key(made?.id ?? '')?.principal.may('read', 'mail'))
    assert.ok(await kept.users.allow('web', ['read,write:mail']))
    await kept.broker.records.refresh()
    assert.ok(kept.access.key(made?.id ?? '')?.principal.may('read', 'mail'))
    assert.equal(await kept.users.allow('other', []), false)
  })

  test('refuse what is no name, no id, no secret, and never say the secret', async () => {
    kept = await openKept()
    for (const name of ['', 'a b', 'x'.repeat(65), 'a/b', 'ä', 'a\n'])
      await assert.rejects(kept.users.add(name, []), { code: 'QUEUEUP_INVALID_ARGUMENT' })
    for (const key of [
      { id: 'a/b' },
      { id: 'x'.repeat(129) },
      { secret: 'short-hush' },
      { secret: 'hush hush hush hush' },
    ])
      await assert.rejects(kept.users.add('web', [], key), (error: Error) => !error.message.includes('hush'))
    await kept.users.add('one', [], { id: 'SAMEID' })
    await assert.rejects(kept.users.add('two', [], { id: 'SAMEID' }), /already/)
  })

  test('may have names and ids that objects have, too', async () => {
    kept = await openKept()
    for (const word of ['__proto__', 'constructor', 'toString']) {
      assert.equal(kept.access.key(word), undefined)
      const made = await kept.users.add(word, ['all:*'], { id: word })
      await kept.broker.records.refresh()
      assert.equal(kept.access.key(word)?.secret, made?.secret)
      assert.equal(kept.access.key(word)?.principal.name, word)
    }
    assert.equal(({} as Record<string, unknown>)['permissions'], undefined)
  })
})

describe('secrets', () => {
  test('are encrypted where there is a key for it, each for its own id', async () => {
    const kept = await openKept(PASSPHRASE)
    const made = await kept.users.add('web', ['all:*'], { secret: 'tell-nobody-about-this' })
    const text = JSON.stringify((await kept.store.records(0)).changed)
    assert.doesNotMatch(text, /tell-nobody|correct horse/)
    await kept.broker.records.refresh()
    const access = await Access.open(kept.broker.records, PASSPHRASE)
    assert.equal(access.key(made?.id ?? '')?.secret, 'tell-nobody-about-this')
    // This one began before there was anything to decrypt.
    while (!kept.access.key(made?.id ?? '')) await setImmediate()
    assert.equal(kept.access.key(made?.id ?? '')?.secret, 'tell-nobody-about-this')

    // Moved to another id, it can't be opened.
    const record = (await kept.store.records(0)).changed.find(({ key }) => key === `key/${made?.id ?? ''}`)
    await kept.store.commit([{ ops: [{ do: 'record', key: 'key/OTHER', value: record?.value }] }])[0]
    await kept.broker.records.refresh()
    assert.equal(access.key('OTHER'), undefined)
    await kept.close()
  })

  test('need the right key: a wrong one and none are errors that say so, and change nothing', async () => {
    const kept = await openKept(PASSPHRASE)
    await kept.users.add('web', [])
    const before = await kept.store.records(0)
    for (const passphrase of [undefined, '', 'another key that is wrong']) {
      await assert.rejects(Access.open(kept.broker.records, passphrase), {
        code: 'QUEUEUP_SECRET_KEY',
        message: /QUEUEUP_SECRET_KEY/,
      })
      await assert.rejects(new Users(kept.store, passphrase).add('other', []), { code: 'QUEUEUP_SECRET_KEY' })
    }
    assert.deepEqual(await kept.store.records(0), before)
    await kept.close()
  })

  test('that are encrypted while a server runs which has no key for them are refused, and it says so', async () => {
    const store = openMemory()
    const broker = createBroker({ store })
    const errors: Error[] = []
    const access = await Access.open(broker.records, undefined, (error) => errors.push(error))
    const made = await new Users(store, PASSPHRASE).add('web', [])
    await broker.records.refresh()
    await setImmediate()
    assert.equal(access.key(made?.id ?? ''), undefined)
    assert.match(errors[0]?.message ?? '', /Set QUEUEUP_SECRET_KEY/)
    await broker.close()
  })

  test('that were kept as they are can be encrypted later', async () => {
    const store = openMemory()
    const made = await new Users(store).add('web', [], { secret: 'tell-nobody-about-this' })
    const users = new Users(store, PASSPHRASE)
    assert.equal(await users.encrypt(), 1)
    assert.equal(await users.encrypt(), 0)
    assert.doesNotMatch(JSON.stringify((await store.records(0)).changed), /tell-nobody/)
    assert.equal((await users.list())[0]?.keys[0]?.encrypted, true)
    const broker = createBroker({ store })
    const access = await Access.open(broker.records, PASSPHRASE)
    assert.equal(access.key(made?.id ?? '')?.secret, 'tell-nobody-about-this')
    await broker.close()
  })

  test('that are encrypted while a server runs which has the key go on to be taken there', async () => {
    const store = openMemory()
    const broker = createBroker({ store })
    const access = await Access.open(broker.records, PASSPHRASE)
    const users = new Users(store, PASSPHRASE)
    const made = await new Users(store).add('web', [], { secret: 'tell-nobody-about-this' })
    await broker.records.refresh()
    assert.equal(access.key(made?.id ?? '')?.secret, 'tell-nobody-about-this')
    assert.equal(await users.encrypt(), 1)
    await broker.records.refresh()
    // It derives its key from the passphrase first.
    while (!access.key(made?.id ?? '')) await setImmediate()
    assert.equal(access.key(made?.id ?? '')?.secret, 'tell-nobody-about-this')
    await broker.close()
  })

  test('are not encrypted with a short key', async () => {
    const kept = await openKept('short')
    await assert.rejects(kept.users.add('web', []), (error: Error) => /at least 16/.test(error.message))
    await kept.close()
  })
})
