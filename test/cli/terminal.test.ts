/** What is drawn on a terminal: seen through a pseudo terminal, as a person would see it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openStore } from '../../src/registry.ts'
import type { Unit } from '../../src/stores/store.ts'
import { needs } from '../needs.ts'
import { queueup, Served } from './cli.ts'
import { Place } from './place.ts'
import { Terminal } from './terminal.ts'

const SIZE = { rows: 24, columns: 100 }
const COLOURS = /\u001b\[\d+m/

async function withQueues(t: TestContext, ...names: readonly string[]): Promise<Place> {
  const place = await Place.make(t)
  const store = await openStore(`file:${join(place.folder, 'queueup.db')}`)
  const body = Buffer.from('x')
  const puts = names.map((name): Unit => ({
    ops: [{ do: 'put', to: [{ queue: `default/${name}`, create: true }], msg: { body } }],
  }))
  await Promise.all(store.commit(puts))
  await store.close()
  return place
}

/** The rows of the queues on a screen. */
function queuesOf(lines: readonly string[]): string[] {
  const head = lines.findIndex((line) => line.startsWith('QUEUE'))
  return head === -1 ? [] : lines.slice(head + 1)
}

if (needs('python3')) {
  test('top fills a screen of its own, draws anew what changes, and leaves nothing behind at q', async (t) => {
    const place = await withQueues(t, 'mail')
    const top = new Terminal(place, SIZE, ['top', '--every', '100ms'])
    await top.shows(({ lines }) => /^mail +1 +0 +0 +0 +0 +0/.test(queuesOf(lines)[0] ?? ''))
    assert.match(top.screen.lines[0] ?? '', /^queueup top {2}\d\d:\d\d:\d\d {2}q quits$/)
    assert.deepEqual([top.screen.alternate, top.screen.cursorShown], [true, false])
    await place.run('put', '--queue', 'other', '--body', 'x', '--delay', '1h')
    await top.shows(({ lines }) => /^other +0 +0 +1/.test(queuesOf(lines)[1] ?? ''))
    // A row that is shorter than before leaves no rest: nothing is the oldest any more.
    await place.run('clear', '--queue', 'mail', '--state', 'ready')
    await top.shows(({ lines }) => /^mail +0 +0 +0 +0 +\d+ +\d+$/.test(queuesOf(lines)[0] ?? ''))
    top.type('q')
    assert.deepEqual(await top.ended, { code: 0, restored: true })
    const { alternate, cursorShown, wraps, lines } = top.screen
    assert.deepEqual(
      { alternate, cursorShown, wraps, lines },
      { alternate: false, cursorShown: true, wraps: true, lines: [] },
    )
  })

  test('top follows the size of its terminal: one row a queue, and none past the edge', async (t) => {
    const long = `a${'b'.repeat(120)}`
    const place = await withQueues(t, long, 'c', 'd', 'e', 'f', 'g')
    const top = new Terminal(place, { rows: 7, columns: 60 }, ['top', '--every', '1h'])
    await top.shows(({ lines }) => queuesOf(lines).join(',').replaceAll('b', '') === 'a,c,d')
    top.resize(20, 200)
    await top.shows(({ lines }) => queuesOf(lines).length === 6 && / 1 +0 +0 +0/.test(queuesOf(lines)[0] ?? ''))
    top.resize(6, 40)
    await top.shows(({ lines }) => queuesOf(lines).join(',').replaceAll('b', '') === 'a,c')
    assert.equal(top.screen.scrolled, 0)
    top.type('q')
    assert.deepEqual(await top.ended, { code: 0, restored: true })
  })

  for (const [what, end] of [
    ['Ctrl+C', '\u0003'],
    ['Escape', '\u001b'],
  ] as const)
    test(`top ends at ${what}, at once`, async (t) => {
      const top = new Terminal(await withQueues(t, 'mail'), SIZE, ['top', '--every', '1h'])
      await top.shows(({ alternate }) => alternate)
      top.type(end)
      assert.deepEqual(await top.ended, { code: 0, restored: true })
      assert.deepEqual([top.screen.alternate, top.screen.cursorShown], [false, true])
    })

  test('top gives the terminal back when what it looks at fails, and says so where it can be read', async (t) => {
    const place = await Place.make(t)
    const served = await Served.start(place.folder, ['serve', '--beanstalkd', '127.0.0.1:0'])
    t.after(() => served.stop())
    const store = `beanstalkd://127.0.0.1:${served.port}`
    await place.run('put', '--queue', 'mail', '--body', 'x', '--store', store)
    const top = new Terminal(place, SIZE, ['top', '--every', '100ms', '--store', store])
    await top.shows(({ lines }) => queuesOf(lines).some((line) => line.startsWith('mail')))
    await served.stop()
    assert.deepEqual(await top.ended, { code: 1, restored: true })
    assert.deepEqual([top.screen.alternate, top.screen.cursorShown, top.screen.wraps], [false, true, true])
    assert.match(top.screen.lines.join('\n'), /^queueup: /)
  })

  test('stats --watch paints the terminal anew, until Ctrl+C', async (t) => {
    const place = await withQueues(t, 'mail')
    const stats = new Terminal(place, SIZE, ['stats', '--watch'])
    await stats.shows(({ lines }) => /^mail +1 /.test(lines[1] ?? ''))
    await place.run('put', '--queue', 'mail', '--body', 'x')
    await stats.shows(({ lines }) => /^mail +2 /.test(lines[1] ?? ''))
    assert.equal(stats.screen.lines.length, 2)
    stats.type('\u0003')
    assert.deepEqual(await stats.ended, { code: 0, restored: true })
  })

  test('colour is for a terminal, and not with NO_COLOR, --no-color or TERM=dumb; FORCE_COLOR is for everywhere', async (t) => {
    const place = await withQueues(t, 'mail')
    const shown = async (env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<string> => {
      const stats = new Terminal(place, SIZE, ['stats', ...args], env)
      assert.equal((await stats.ended).code, 0)
      assert.match(stats.screen.lines[1] ?? '', /^mail +1 /)
      return stats.text
    }
    assert.match(await shown({}), COLOURS)
    assert.match(await shown({ NO_COLOR: '' }), COLOURS)
    assert.doesNotMatch(await shown({ NO_COLOR: '1' }), COLOURS)
    assert.doesNotMatch(await shown({ TERM: 'dumb' }), COLOURS)
    assert.match(await shown({ TERM: 'dumb', FORCE_COLOR: '1' }), COLOURS)
    assert.doesNotMatch(await shown({ FORCE_COLOR: '0' }), COLOURS)
    assert.doesNotMatch(await shown({ FORCE_COLOR: '1' }, '--no-color'), COLOURS)
    const piped = async (env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<string> =>
      (await queueup(place.folder, args, { env })).out
    assert.doesNotMatch(await piped({}, 'stats'), COLOURS)
    assert.match(await piped({ FORCE_COLOR: '1' }, 'stats'), COLOURS)
    assert.doesNotMatch(await piped({ FORCE_COLOR: '1' }, '--no-color', 'stats'), COLOURS)
  })
}
