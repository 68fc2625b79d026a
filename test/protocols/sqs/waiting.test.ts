import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { tied } from '../../tied.ts'
import { serve } from './served.ts'
import { usedMemory } from '../../memory.ts'

/** A process may have 1,024 files open where nobody has said otherwise. */
const RECEIVES = 800
/** On the heap. 5.2 are node:http's, for a connection and what it has asked. */
const MOST_KB = 8

test('a receive that waits keeps little more than its connection: ten thousand may', async (t) => {
  const { port, create, server, store } = await serve(t)
  const QueueUrl = await create('a')
  const heapWith = async (receives: number) => {
    const before = server.waiting
    tied(fork(join(import.meta.dirname, 'receives-child.ts'), [String(port), QueueUrl, String(receives)]))
    while (server.waiting < before + receives) await sleep(10)
    store.forget()
    return usedMemory('heap')
  }
  // What is compiled, and grows, with the first of them is no receive's.
  const some = await heapWith(100)
  const all = await heapWith(RECEIVES)
  const each = (all - some) / RECEIVES / 1000
  assert.ok(each < MOST_KB, `${each.toFixed(2)} kB a receive`)
})
