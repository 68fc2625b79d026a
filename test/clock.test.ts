import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '../src/clock.ts'

it("the machine's clock never goes off early", async () => {
  const waited = Array.from({ length: 200 }, async (_, n) => {
    await new Promise((done) => setTimeout(done, n))
    const start = performance.now()
    const ms = 1 + (n % 7)
    await new Promise<void>((done) => {
      systemClock.after(ms, done)
      // It keeps no process alive.
      setTimeout(() => {}, 50)
    })
    return performance.now() - start - ms
  })
  assert.ok(Math.min(...(await Promise.all(waited))) >= 0)
})
