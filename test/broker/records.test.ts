import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changeRecord, changeRecords, Records } from '../../src/broker/records.ts'
import { UnavailableError } from '../../src/errors.ts'
import type { Op } from '../../src/stores/store.ts'
import { open } from './open.ts'

describe('records that are changed', () => {
  it('lose nothing that others change at the same time', async () => {
    const { session, broker } = await open()
    const one = () => changeRecord(session(), broker.records, 'a', (old: number = 0) => old + 1)
    const two = () =>
      changeRecords<[number?, number?]>(session(), broker.records, ['a', 'b'], ([a = 0, b = 0]) => [a + 1, b + 1])
    const back = () =>
      changeRecords<[number?, number?]>(session(), broker.records, ['b', 'a'], ([b = 0, a = 0]) => [b + 1, a + 1])
    await Promise.all([one(), two(), one(), back(), two(), back(), two()])
    await broker.records.refresh()
    assert.deepEqual([broker.records.get('a')?.value, broker.records.get('b')?.value], [7, 5])
    assert.equal(await changeRecord(session(), broker.records, 'a', () => undefined), undefined)
    await broker.records.refresh()
    assert.equal(broker.records.get('a'), undefined)
  })

  it('are known as they are, too, where others have deleted more than is told', async () => {
    const { session, store } = await open()
    const known = new Records(store)
    const told: string[] = []
    for (const key of ['a', 'b']) {
      await session().commit({ ops: [{ do: 'record', key, value: 1 }] })
      await known.refresh()
      known.watch(key, () => told.push(key))
    }
    const ops: Op[] = [{ do: 'record', key: 'a', value: undefined }]
    for (let i = 0; i < 1000; i++) for (const value of [1, undefined]) ops.push({ do: 'record', key: `c${i}`, value })
    await session().commit({ ops })
    await known.refresh()
    assert.deepEqual([[...known.list('')].map(({ key }) => key), told], [['b'], ['a', 'b']])
  })

  it('are not written where nothing is another than before', async () => {
    const { session, broker, store } = await open()
    await changeRecord(session(), broker.records, 'a', () => ({ x: 1 }))
    store.forget()
    assert.deepEqual(await changeRecord(session(), broker.records, 'a', (old?: object) => old), { x: 1 })
    assert.equal(await changeRecord(session(), broker.records, 'b', () => undefined), undefined)
    assert.deepEqual(store.commits, [])
  })

  it('need not be on disk where the caller says so', async () => {
    const { session, broker, store } = await open()
    store.forget()
    await changeRecord(session(), broker.records, 'a', () => 1)
    await changeRecord(session(), broker.records, 'a', () => 2, { unsynced: true })
    assert.deepEqual(
      store.commits.flat().map(({ unsynced }) => unsynced),
      [undefined, true],
    )
  })

  it('are not tried again where the store refuses them for another reason', async () => {
    const { session, broker } = await open()
    await assert.rejects(
      changeRecord(session(), broker.records, 'a\0b', () => 1),
      (error: Error) =>
        error instanceof UnavailableError && /refused to change a\0b \(unsupported\)/.test(error.message),
    )
  })
})
