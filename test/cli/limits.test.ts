import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Place } from './place.ts'
import { Going } from './work.ts'

const FILES = {
  'handlers.ts': `
import { setTimeout as sleep } from 'node:timers/promises'
import { defineJobs, job, type Handlers } from 'queueup'
export const jobs = defineJobs({
  resize: job<{ of: string }>({ limits: [{ concurrency: 1 }, { name: 'of', concurrency: 2, key: (args) => args.of }] }),
})
export const handlers: Handlers<typeof jobs> = {
  resize: ({ id }, { signal }) => (console.log('begun ' + id), sleep(600_000, undefined, { signal })),
}
`,
}

test('limits are shown with who waits, and what an operator sets holds at once and stays', async (t) => {
  const place = await Place.make(t, FILES)
  assert.equal((await place.run('limits')).out, 'There are no limits.\n')
  for (let i = 0; i < 3; i++) await place.run('put', 'resize', '{"of":"ada"}', '--jobs', 'handlers.ts')
  const worker = new Going(place, 'work', '--stop-within', '0ms')
  await worker.says('begun 1')
  const [of, resize] = await place.json<{ name: string; running: number; waiting: number; by: string }[]>('limits')
  assert.deepEqual([of?.name, resize?.name, resize?.running, resize?.by], ['of', 'resize', 1, 'code'])
  assert.match(
    (await place.run('limits')).out,
    /LIMIT +CONCURRENCY[^]*of +2 +- +code +1 +\d +1\nresize +1 +- +code +1 +\d +0/,
  )

  assert.equal(
    (await place.run('limits', 'set', 'resize', 'concurrency=2', 'rate=100/1m')).out,
    'resize: concurrency=2 rate=100/1m\n',
  )
  await worker.says('begun 2')
  assert.match((await place.run('limits')).out, /resize +2 +100\/1m +operator +2 +/)
  assert.equal((await place.run('limits', 'set', 'resize', 'rate=')).out, 'resize: concurrency=2\n')
  assert.equal((await place.run('limits', 'unset', 'resize')).out, 'resize: no limit\n')
  assert.equal((await place.run('limits', 'set', 'resize', 'colour=red')).code, 2)
  assert.equal((await place.run('limits', 'set', 'of/ada', 'concurrency=1')).code, 2)
  assert.equal(await worker.stop(), 0)
})
