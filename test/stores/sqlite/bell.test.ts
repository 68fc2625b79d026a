import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { Peer, socketPath, type Ring } from '../../../src/stores/sqlite/bell.ts'

test('for a process that is stopped only the last of what ended is kept, in a line that it takes', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-bell-'))
  const server = createServer().listen(socketPath(folder, 'stopped'))
  const connected = once(server, 'connection')
  const peer = new Peer(1, 'stopped', folder, () => undefined)
  const [socket] = (await connected) as [Socket]
  t.after(async () => {
    peer.close()
    server.close()
    await rm(folder, { recursive: true })
  })
  const lines = createInterface(socket)[Symbol.asyncIterator]()
  const next = async () => (await lines.next()).value as string
  peer.ring({ due: 1 })
  await next()
  const last = 10 ** 6
  for (let id = 1; id <= last; id += 100) {
    const ids = Array.from({ length: 100 }, (_, i) => id + i)
    peer.ring({ finished: ids, ended: ids.map((id) => ({ id, n: 2 ** 50 + id, why: 'cancelled' })) })
  }
  socket.write('ok\n')
  const line = await next()
  assert.ok(line.length < 1 << 20, `${line.length} characters`)
  const { finished = [], ended = [] } = JSON.parse(line) as Ring
  assert.deepEqual([finished.at(-1), ended.at(-1)?.id], [last, last])
})
