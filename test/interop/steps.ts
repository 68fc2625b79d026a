import fc from 'fast-check'

/** What one connection sends at once. `{0}` stands for the id of the newest job, `{1}` for the one before, ... */
export interface Step {
  /** The connection, by number. */
  on: number
  lines: Line[]
}
/** `replies`: default 1. */
export interface Line {
  bytes: string
  replies?: number
  /** A reserve that waits; the last of its step. */
  waits?: true
  /** The connection is ended from this side (`hangs up`), or by the server. */
  ends?: 'hangs up' | 'quits'
}

/** Both servers are started with `-z` so many bytes. */
export const maxJobSize = 100

const line = (text: string): Line => ({ bytes: `${text}\r\n` })
const put = (head: string, body: string): Line => ({ bytes: `put ${head} ${body.length}\r\n${body}\r\n` })
const pick = fc.constantFrom<string[]>
const text = (parts: TemplateStringsArray, ...values: fc.Arbitrary<string>[]) =>
  fc.tuple(...values).map((chosen) => line(String.raw({ raw: parts }, ...chosen)))

const tube = pick('default', 'a', 'a', 'b', 'b', 'c')
const job = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 9 }).map((n) => `{${n}}`) },
  { weight: 1, arbitrary: pick('0', '4000000000') },
)
const pri = pick('0', '1', '1', '2', '2', '1023', '1024', '4294967295')
const body = fc.oneof(
  fc.string({ maxLength: 8, unit: 'binary-ascii' }),
  pick('', '\r\n', 'quit\r\n', 'delete 1\r\n', 'x'.repeat(maxJobSize), '\0\xff'),
)

/** Times in seconds that nothing here outlasts, or that are over at once. */
const slow = {
  // Seldom the same delay twice: what is due in the same millisecond has another order than with beanstalkd's nanoseconds.
  delay: fc.oneof(
    { weight: 3, arbitrary: pick('0') },
    { weight: 2, arbitrary: fc.integer({ min: 1000, max: 100_000 }).map(String) },
    { weight: 1, arbitrary: fc.integer({ min: 2 ** 32 - 100_000, max: 2 ** 32 - 1 }).map(String) },
  ),
  ttr: pick('100', '500', '4294967295'),
  pause: pick('1000'),
  wait: pick('1000'),
}
/** Times that pass while a sequence runs. */
const quick = {
  delay: pick('0', '0', '1', '2'),
  ttr: pick('0', '1', '1', '2', '3'),
  pause: pick('0', '1', '2'),
  wait: pick('1', '2', '100'),
}

/** Lines that are refused, some just not: each has one reply, but for those that say otherwise. */
const bad = fc.oneof(
  pick(
    '',
    ' ',
    'x',
    'PUT 1 0 60 1',
    ' put 1 0 60 1',
    'put',
    'put ',
    'put 1',
    'put 1 0',
    'put 1 0 60',
    'put a 0 60 1',
    'put 1 b 60 1',
    'put 1 0 c 1',
    'put 1 0 60 d',
    'put -1 0 60 1',
    'put 1 0 60 -1',
    'put 4294967296 0 60 1',
    'put 1 4294967296 60 1',
    'put 1 0 4294967296 1',
    'put 1 0 60 4294967296',
    'put 1 0 60 1 ',
    'put 1 0 60 1x',
    'put 1.5 0 60 1',
    'put +1 0 60 x',
    'put 0x1 0 60 1',
    'use',
    'use ',
    'use -a',
    'use a b',
    'use é',
    'use a:b',
    'use a_b',
    'use a"b',
    `use ${'n'.repeat(200)}`,
    `use ${'n'.repeat(201)}`,
    'use  a',
    'use +/;.$_()',
    'watch',
    'watch ',
    'watch -a',
    'watch a b',
    `watch ${'n'.repeat(201)}`,
    'ignore',
    'ignore ',
    'ignore -a',
    'ignore nowhere',
    `ignore ${'n'.repeat(201)}`,
    'reserved',
    'reserve ',
    'reserve 0',
    'reserve-with-timeout',
    'reserve-with-timeout ',
    'reserve-with-timeout x',
    'reserve-with-timeout 0x',
    'reserve-with-timeout 0 0',

    'reserve-job',
    'reserve-job ',
    'reserve-job x',
    'reserve-job 1x',
    'reserve-job -1',
    'reserve-job 99999999999999999999',
    'delete',
    'delete ',
    'delete x',
    'delete {0}x',
    'delete -1',
    'delete 18446744073709551615',
    'delete 18446744073709551616',
    'delete  {0}',
    'delete {0} ',
    'deletex',
    'release',
    'release ',
    'release {0}',
    'release {0} 1',
    'release {0} 1 x',
    'release {0} x 1',
    'release x 1 1',
    'release {0} 1 0 ',
    'release {0} 4294967296 0',
    'release {0} 1 4294967296',
    'bury',
    'bury ',
    'bury {0}',
    'bury x 1',
    'bury {0} x',
    'bury {0} 1 1',
    'bury {0} 4294967296',
    'touch',
    'touch ',
    'touch x',
    'touch {0} 1',
    'touch {0}x',
    'peek',
    'peek ',
    'peek x',
    'peek {0} 1',
    'peek-',
    'peek-x',
    'peek-ready ',
    'peek-ready x',
    'peek-readyx',
    'peek-delayedx',
    'peek-buried 1',
    'kick',
    'kick ',
    'kick x',
    'kick -1',
    'kick 1x',
    'kick 1 1',
    'kick  1',
    'kick 4294967296',
    'kick 99999999999999999999',
    'kick-job',
    'kick-job ',
    'kick-job x',
    'kick-job {0} 1',
    'stats ',
    'statsx',
    'stats x',
    'stats-',
    'stats-job',
    'stats-job ',
    'stats-job x',
    'stats-job {0} 1',
    'stats-job  {0}',
    'stats-tube',
    'stats-tube ',
    'stats-tube nowhere',
    'stats-tube -a',
    'stats-tube a b',
    `stats-tube ${'n'.repeat(201)}`,
    'list-tubesx',
    'list-tubes ',
    'list-tubes x',
    'list-tube',
    'list-tube-usedx',
    'list-tube-used ',
    'list-tubes-watchedx',
    'list-tubes-watched ',
    'list-',
    'pause-tube',
    'pause-tube ',
    'pause-tube a',
    'pause-tube a ',
    'pause-tube a x',
    'pause-tube nowhere 1',
    'pause-tube -a 1',
    'pause-tube a 4294967296',
    'pause-tube a -1',
    'pause-tube a 0x',
    'pause-tube a 1000 x',
    `pause-tube ${'n'.repeat(201)} 1`,
    'qui',
    'use\ta',
    'delete\t{0}',
    'list-tubes\n',
    'stats\0',
    'list-tubes\0x',
    'x\0',
    'put 1 0 60 1\0',
  ).map(line),
  // At and over the length of a line.
  pick(
    ...[222, 223, 224, 226, 300, 448, 450, 1000].flatMap((length) => [
      `x${' '.repeat(length - 3)}`,
      `kick 1${'x'.repeat(length - 8)}`,
      'x'.repeat(length - 2),
    ]),
  ).map(line),
  fc.constantFrom<Line[]>(
    { bytes: 'put 1 0 60 101\r\n' + 'x'.repeat(101) + '\r\n' },
    { bytes: 'put 1 0 60 300\r\n' + 'delete 1\r\n'.repeat(30) + '\r\n' },
    // A body that is longer than it says takes an id of beanstalkd's, and none of ours: see the differences.
    // A bad line: what follows is no body.
    { bytes: 'put 1 0 60 x\r\npeek-ready\r\n', replies: 2 },
    { bytes: 'put 1 0 60\r\nbody\r\n', replies: 2 },
    { bytes: 'x'.repeat(300) + '\r\nlist-tubes\r\n', replies: 2 },
  ),
)

type Times = typeof slow

function lines(times: Times): fc.Arbitrary<Line> {
  const of = (weight: number, arbitrary: fc.Arbitrary<Line>) => ({ weight, arbitrary })
  return fc.oneof(
    of(
      20,
      fc.tuple(pri, times.delay, times.ttr, body).map(([p, d, t, b]) => put(`${p} ${d} ${t}`, b)),
    ),
    of(4, text`use ${tube}`),
    of(4, text`watch ${tube}`),
    of(2, text`ignore ${tube}`),
    of(14, text`reserve-with-timeout ${pick('0')}`),
    of(4, text`reserve-job ${job}`),
    of(8, text`delete ${job}`),
    of(6, text`release ${job} ${pri} ${times.delay}`),
    of(6, text`bury ${job} ${pri}`),
    of(2, text`touch ${job}`),
    of(2, text`peek ${job}`),
    of(3, pick('peek-ready', 'peek-delayed', 'peek-buried').map(line)),
    of(3, text`kick ${pick('0', '1', '1', '2', '100')}`),
    of(2, text`kick-job ${job}`),
    of(4, text`stats-job ${job}`),
    of(3, text`stats-tube ${tube}`),
    of(2, pick('stats', 'list-tubes', 'list-tubes-watched', 'list-tube-used').map(line)),
    of(2, text`pause-tube ${tube} ${times.pause}`),
  )
}
/** Ends a pause a moment later: nothing may follow in the same breath. */
const resume = text`pause-tube ${tube} 0`

const on = fc.integer({ min: 0, max: 3 })
const waiting = (times: Times) =>
  fc
    .oneof(pick('reserve').map(line), text`reserve-with-timeout ${times.wait}`)
    .map((reserve): Line => ({ ...reserve, waits: true }))
const hangUp: Line = { bytes: '', replies: 0, ends: 'hangs up' }

/** One step of one of four connections: a line, a few at once, one that waits, a bad one, an end. */
export function step(): fc.Arbitrary<Step> {
  const one = lines(slow)
  return fc.record({
    on,
    lines: fc.oneof<fc.MaybeWeightedArbitrary<Line[]>[]>(
      { weight: 60, arbitrary: one.map((only) => [only]) },
      { weight: 2, arbitrary: resume.map((only) => [only]) },
      { weight: 15, arbitrary: fc.array(one, { minLength: 2, maxLength: 8 }) },
      {
        weight: 8,
        arbitrary: fc.tuple(fc.array(one, { maxLength: 3 }), waiting(slow)).map(([before, last]) => [...before, last]),
      },
      { weight: 14, arbitrary: bad.map((only) => [only]) },
      { weight: 2, arbitrary: fc.constant([hangUp]) },
      {
        weight: 1,
        arbitrary: pick('quit\r\n', 'quitx\r\n').map((bytes): Line[] => [{ bytes, replies: 0, ends: 'quits' }]),
      },
    ),
  })
}

/** The tubes for which each of some connections waits, none for another's. */
const workers = [['a'], ['b'], ['c', 'default']]

/** One where several connections wait at once: three of those that don't, or one of the workers, that waits or does something with a job. */
export function workersStep(): fc.Arbitrary<Step> {
  const other = fc.record({ on: fc.integer({ min: 0, max: 2 }), lines: lines(slow).map((only) => [only]) })
  const worker = fc
    .tuple(fc.nat(workers.length - 1), waiting(slow), text`${pick('delete', 'touch')} ${job}`, fc.nat(9))
    .map(([n, waits, does, luck]): Step => {
      const tubes = workers[n] ?? []
      const watches = [
        ...tubes.map((name) => line(`watch ${name}`)),
        ...(tubes.includes('default') ? [] : [line('ignore default')]),
      ]
      return { on: 10 + n, lines: luck < 7 ? [...watches, waits] : luck < 9 ? [does] : [hangUp] }
    })
  return fc.oneof(
    { weight: 30, arbitrary: other },
    { weight: 15, arbitrary: worker },
    { weight: 1, arbitrary: resume.map((only): Step => ({ on: 0, lines: [only] })) },
  )
}

/** One where time matters: no two things of one step come due at once. */
export function timedStep(): fc.Arbitrary<Step> {
  return fc.record({
    on,
    lines: fc.oneof<fc.MaybeWeightedArbitrary<Line[]>[]>(
      { weight: 12, arbitrary: lines(quick).map((only) => [only]) },
      { weight: 4, arbitrary: waiting(quick).map((only) => [only]) },
      { weight: 1, arbitrary: fc.constant([hangUp]) },
    ),
  })
}
