import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { Pair } from './pair.ts'
import { needs } from '../needs.ts'
import { realBeanstalkd } from './peer.ts'
import { queueup } from './servers.ts'
import { maxJobSize, step, timedStep, workersStep, type Step } from './steps.ts'

const flags = ['-z', String(maxJobSize)]
/** `QUEUEUP_LONG=10`: ten times as many sequences. */
const long = Number(process.env['QUEUEUP_LONG'] ?? 1)
/** The same sequences each time, so that a change is judged by what it changed; others in a long run, or with `QUEUEUP_SEED=...`, which is told at a failure. */
const seed = Number(process.env['QUEUEUP_SEED'] ?? (long > 3 ? Date.now() % 2 ** 31 : 20_261))

async function withPair(run: (pair: Pair) => Promise<void>, apart = false): Promise<void> {
  const [theirs, ours] = await Promise.all([realBeanstalkd(flags), queueup(flags)])
  const at = (port: number) => ({ host: '127.0.0.1', port })
  const pair = new Pair(at(theirs.port), at(ours.port), apart)
  try {
    await run(pair)
  } finally {
    pair.close()
    await Promise.all([theirs.stop(), ours.stop()])
  }
}

if (needs('beanstalkd'))
  describe('Queueup answers as beanstalkd does', () => {
    it('to any commands of several connections', async () => {
      const steps = fc.array(step(), { minLength: 1, maxLength: 150, size: 'max' })
      await fc.assert(
        fc.asyncProperty(steps, (all) =>
          withPair(async (pair) => {
            for (const next of all) await pair.play(next)
          }),
        ),
        { numRuns: 100 * long, seed, interruptAfterTimeLimit: 20_000 * long, markInterruptAsFailure: false },
      )
    })

    it('to several that wait at once, each for tubes of its own', async () => {
      const steps = fc.array(workersStep(), { minLength: 50, maxLength: 300, size: 'max' })
      await fc.assert(
        fc.asyncProperty(steps, (all) =>
          withPair(async (pair) => {
            for (const next of all) await pair.play(next)
          }, true),
        ),
        { numRuns: 20 * long, seed, interruptAfterTimeLimit: 10_000 * long, markInterruptAsFailure: false },
      )
    })

    it('while times to run, delays, pauses and waits pass', async () => {
      const sequence = fc.array(fc.array(timedStep(), { minLength: 1, maxLength: 5, size: 'max' }), {
        minLength: moments.length,
        maxLength: moments.length,
      })
      let sequences = fc.sample(sequence, { seed, numRuns: 24 * long })
      let failures: string[] = []
      // A machine that stalls moves what is due past what is said: only what fails again and again is a difference.
      for (let round = 0; sequences.length && round < 5; round++) {
        failures = []
        const failed: typeof sequences = []
        while (sequences.length)
          await Promise.all(
            sequences.splice(0, 12).map((phases) =>
              timed(phases).catch((error: Error) => {
                failures.push(error.message)
                failed.push(phases)
              }),
            ),
          )
        sequences = failed
      }
      assert.deepEqual(failures, [], `QUEUEUP_SEED=${seed}`)
    })
  })

/** Whole seconds end at least 0.2 s away from when anything is said: no two of these moments, in milliseconds, are whole seconds apart. */
const moments = [0, 1200, 2400, 3600, 4800]
/** Between two steps, so that what is due comes in their order. */
const pause = 40

function timed(phases: readonly Step[][]): Promise<void> {
  return withPair(async (pair) => {
    const start = performance.now()
    for (const [n, steps] of phases.entries()) {
      while (performance.now() < start + (moments[n] ?? 0)) {
        await sleep(10)
        await pair.poke()
      }
      await pair.woken()
      for (const next of steps) {
        await pair.play(next)
        await sleep(pause)
      }
    }
  })
}
