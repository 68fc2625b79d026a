import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { UserView } from '../../src/access/index.ts'
import { openStore } from '../../src/registry.ts'
import { queueup, Served, type Answer } from './cli.ts'

describe('queueup user', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'queueup-user-'))
  })
  after(() => rm(folder, { recursive: true }))

  const user = (args: string[], o: Parameters<typeof queueup>[2] = {}): Promise<Answer> =>
    queueup(folder, ['user', ...args], o)
  const list = async (): Promise<UserView[]> => JSON.parse((await user(['list', '--json'])).out) as UserView[]

  test('adds, rotates, lists, disables and removes, and shows a secret once', async () => {
    assert.match((await user(['list'])).out, /no users yet/)
    const added = await user(['add', 'web', 'write:mail-*'])
    assert.equal(added.code, 0)
    const [, id = '', secret = ''] =
      /^AWS_ACCESS_KEY_ID=(\w{20})\nAWS_SECRET_ACCESS_KEY=(\S{40})\n$/.exec(added.out) ?? []
    assert.ok(id && secret)
    assert.equal((await stat(join(folder, 'queueup.db'))).mode & 0o777, 0o600)

    const again = await user(['add', 'web', 'all:*'])
    assert.equal(again.code, 1)
    assert.match(again.error, /already.*rotate web/)

    const second = JSON.parse((await user(['rotate', 'web', '--json'])).out) as { id: string; secret: string }
    assert.equal((await user(['allow', 'web', 'read,write:mail', 'configure:web-*'])).code, 0)
    assert.equal((await user(['disable', 'web', id])).code, 0)
    const [web] = await list()
    assert.deepEqual(web?.permissions, ['read,write:mail', 'configure:web-*'])
    assert.deepEqual(
      web?.keys.map(({ id, disabled }) => [id, disabled]).sort(),
      [
        [id, true],
        [second.id, false],
      ].sort(),
    )
    const shown = (await user(['list'])).out
    assert.match(shown, /^web +read,write:mail configure:web-\* +\S{20} +\d{4}-\d\d-\d\d/m)
    for (const hidden of [secret, second.secret]) assert.ok(!shown.includes(hidden))

    assert.equal((await user(['enable', 'web', id])).code, 0)
    assert.equal((await user(['remove', 'web', '--key', id])).code, 0)
    assert.deepEqual(
      (await list())[0]?.keys.map((key) => key.id),
      [second.id],
    )
    assert.equal((await user(['remove', 'web'])).code, 0)
    assert.deepEqual(await list(), [])
  })

  test('makes a key that may less than its user', async () => {
    await user(['add', 'narrow', 'write:mail-*'])
    const made = await user(['rotate', 'narrow', '--only', 'write:mail-in', 'read:x', '--json'])
    const { id } = JSON.parse(made.out) as { id: string }
    const [narrow] = await list()
    assert.deepEqual(narrow?.keys.find((key) => key.id === id)?.permissions, ['write:mail-in', 'read:x'])
    assert.match((await user(['list'])).out, new RegExp(`${id} .*only write:mail-in read:x`))
    assert.equal((await user(['rotate', 'narrow', '--only', 'nonsense'])).code, 2)
    await user(['remove', 'narrow'])
  })

  test('takes a secret of your own from standard input or the environment, never from the command line, and does not show it', async () => {
    const secret = 'my-own-secret-1234'
    const added = await user(['add', 'own', 'all:*', '--key-id', 'OWNKEY', '--secret-stdin'], { input: `${secret}\n` })
    assert.deepEqual(added, { code: 0, out: 'AWS_ACCESS_KEY_ID=OWNKEY\n', error: '' })
    const env = { QUEUEUP_USER_SECRET: secret }
    assert.deepEqual(JSON.parse((await user(['rotate', 'own', '--key-id', 'OWNKEY2', '--json'], { env })).out), {
      id: 'OWNKEY2',
    })
    assert.ok((await readFile(join(folder, 'queueup.db'), 'latin1')).includes(secret))
    const wrong = await user(['rotate', 'own', '--secret-stdin'], { input: 'hush\n' })
    assert.equal(wrong.code, 2)
    assert.doesNotMatch(wrong.error, /hush/)
    assert.equal((await user(['rotate', 'own', '--secret', secret])).code, 2)
  })

  test('encrypts secrets with a key of the environment, and needs it from then on', async () => {
    const env = { QUEUEUP_SECRET_KEY: 'a key for secrets at rest' }
    const store = ['--store', 'sealed.db']
    const secret = 'a-secret-in-the-clear'
    await user(['add', 'web', 'all:*', '--secret-stdin', ...store], { input: secret })
    assert.match((await user(['encrypt', ...store], { env })).out, /^Encrypted 1 secret\./)
    const made = JSON.parse((await user(['rotate', 'web', '--json', ...store], { env })).out) as { secret: string }
    assert.ok(!(await readFile(join(folder, 'sealed.db'), 'latin1')).includes(made.secret))
    for (const wrong of [{}, { QUEUEUP_SECRET_KEY: 'another key for secrets' }]) {
      const refused = await user(['rotate', 'web', ...store], { env: wrong })
      assert.equal(refused.code, 1)
      assert.match(refused.error, /^queueup: .*QUEUEUP_SECRET_KEY/)
      assert.doesNotMatch(refused.error, /at rest|another key for/)
    }
    assert.match((await user(['list', ...store])).out, /encrypted/)
  })

  test('encrypts nothing while a server has the store open, which may have no key, unless it is told to', async () => {
    const env = { QUEUEUP_SECRET_KEY: 'a key for secrets at rest' }
    const store = ['--store', 'served.db']
    const secret = 'a-secret-in-the-clear'
    await user(['add', 'web', 'all:*', '--secret-stdin', ...store], { input: secret })
    const server = await openStore(join(folder, 'served.db'))
    try {
      const refused = await user(['encrypt', ...store], { env })
      assert.deepEqual([refused.code, refused.out], [1, ''])
      assert.match(
        refused.error,
        new RegExp(`^queueup: Nothing was encrypted: .* in process ${process.pid}\\..*--force`),
      )
      assert.ok(JSON.stringify((await server.records(0)).changed).includes(secret))
      assert.match((await user(['encrypt', '--force', ...store], { env })).out, /^Encrypted 1 secret\./)
      assert.ok(!JSON.stringify((await server.records(0)).changed).includes(secret))
    } finally {
      await server.close()
    }
  })

  test('encrypts after a server that was killed: it has nothing open any more', async () => {
    const store = ['--store', 'killed.db']
    await user(['add', 'web', 'all:*', ...store])
    const server = await Served.start(folder, ['serve', '--beanstalkd', '127.0.0.1:0', ...store])
    await server.stop('SIGKILL')
    const { code, error } = await user(['encrypt', ...store], {
      env: { QUEUEUP_SECRET_KEY: 'a key for secrets at rest' },
    })
    assert.deepEqual([code, error], [0, ''])
  })

  test('says in a sentence what can not be', async () => {
    const wrong = [
      [['add', 'web'], 2, /permission/],
      [['add', 'web', 'send:mail'], 2, /no permission/],
      [['add', 'a b', 'all:*'], 2, /name/],
      [['rotate', 'nobody'], 1, /no user 'nobody'/],
      [['allow', 'nobody', 'all:*'], 1, /no user 'nobody'/],
      [['remove', 'nobody'], 1, /no user 'nobody'/],
      [['remove', 'nobody', '--key', 'X'], 1, /no key X/],
      [['list', '--store', 'memory:'], 2, /kept in a file/],
      [['list', '--store', 'beanstalkd://127.0.0.1:1'], 2, /kept in a file/],
    ] as const
    await Promise.all(
      wrong.map(async ([args, code, sentence]) => {
        const answer = await user([...args])
        assert.equal(answer.code, code, args.join(' '))
        assert.match(answer.error, sentence)
        assert.equal(answer.out, '')
      }),
    )
  })
})
