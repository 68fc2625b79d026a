import assert from 'node:assert/strict'
import type { Case } from './store-contract.ts'

const write = (key: string, value: unknown, more: object = {}) => ({ do: 'record' as const, key, value, ...more })

export const record: Case[] = [
  [
    'is written, read, changed and taken away, each with a version of its own that grows',
    async (s) => {
      const first = await s.ok<'record'>(write('a', { x: [1, 'zwei', null] }))
      const second = await s.ok<'record'>(write('b', 2))
      assert.ok(second.version > first.version)
      assert.deepEqual((await s.store.records(0)).changed.find((one) => one.key === 'a')?.value, {
        x: [1, 'zwei', null],
      })
      await s.ok<'record'>(write('a', undefined))
      const { changed, deleted, version } = await s.store.records(second.version)
      assert.deepEqual([changed, deleted], [[], ['a']])
      assert.deepEqual((await s.store.records(version)).deleted, [])
      assert.deepEqual((await s.store.records(0)).deleted, [])
    },
  ],
  [
    'compare and set: only over the version that one has seen, 0 where there is none',
    async (s) => {
      const { version } = await s.ok<'record'>(write('a', 1, { version: 0 }))
      await s.refused(write('a', 2, { version: 0 }), 'conflict')
      await s.refused(write('b', 2, { version: 7 }), 'conflict')
      await s.ok<'record'>(write('a', 2, { version }))
      await s.refused(write('a', undefined, { version }), 'conflict')
    },
  ],
  [
    'needs another to be there, and none of a prefix to be',
    async (s) => {
      await s.refused(write('bind/1', 1, { needs: 'queue' }), 'missing')
      await s.ok<'record'>(write('queue', 1))
      await s.ok<'record'>(write('bind/1', 1, { needs: 'queue' }))
      await s.refused(write('queue', undefined, { none: 'bind/' }), 'in use')
      await s.ok<'record'>(write('bind/1', undefined))
      await s.ok<'record'>(write('queue', undefined, { none: 'bind/' }))
    },
  ],
  [
    'that was deleted stays so for others, where a unit that wrote it again was undone',
    async (s) => {
      const { version } = await s.ok<'record'>(write('a', 1))
      await s.ok<'record'>(write('a', undefined))
      await s.unit({ ops: [write('a', 2), { do: 'finish', job: { id: 999 } }], refused: 'undo' })
      assert.deepEqual((await s.store.records(version)).deleted, ['a'])
    },
  ],
  [
    'that was deleted long ago is forgotten: who was there before reads all that there are',
    async (s) => {
      const { version } = await s.ok<'record'>(write('stays', 1))
      for (let i = 0; i < 1500; i += 50)
        await s.unit({ ops: Array.from({ length: 50 }, (_, j) => write(`gone ${i + j}`, 1)) })
      for (let i = 0; i < 1500; i += 50)
        await s.unit({ ops: Array.from({ length: 50 }, (_, j) => write(`gone ${i + j}`, undefined)) })
      const far = await s.store.records(version)
      assert.deepEqual([far.all, far.changed.map((one) => one.key), far.deleted], [true, ['stays'], []])
      const near = await s.store.records(far.version - 2)
      assert.deepEqual([near.all, near.changed, near.deleted.sort()], [false, [], ['gone 1498', 'gone 1499']])
    },
  ],
  [
    'of a session vanishes with it',
    async (s) => {
      await s.ok<'record'>(write('consumer/1', 1, { session: 's' }))
      await s.ok<'record'>(write('consumer/2', 1, { session: 't' }))
      await s.ok<'end'>({ do: 'end', session: 's', as: 'released' })
      assert.deepEqual(
        (await s.store.records(0)).changed.map((one) => one.key),
        ['consumer/2'],
      )
    },
  ],
  [
    'with a moment is reported by due then, once',
    async (s) => {
      await s.ok<'record'>(write('schedule', 1, { at: s.now + 100 }))
      assert.deepEqual((await s.ok<'due'>({ do: 'due', limit: 10 })).records, [])
      s.clock.move(100)
      assert.deepEqual((await s.ok<'due'>({ do: 'due', limit: 10 })).records, ['schedule'])
      assert.deepEqual((await s.ok<'due'>({ do: 'due', limit: 10 })).records, [])
      assert.equal((await s.store.records(0)).changed.length, 1)
    },
  ],
  [
    'tells of a change by a hint',
    async (s) => {
      const told = new Promise((resolve) => s.store.hear((hint) => hint.records !== undefined && resolve(hint.records)))
      const { version } = await s.ok<'record'>(write('a', 1))
      assert.equal(await told, version)
    },
  ],
]
