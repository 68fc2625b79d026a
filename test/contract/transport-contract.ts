import { after, before, describe, test } from 'node:test'
import { back } from './transport/back.ts'
import { lacks } from './transport/lacks.ts'
import { lease } from './transport/lease.ts'
import { look } from './transport/look.ts'
import { put } from './transport/put.ts'
import { reserve } from './transport/reserve.ts'
import { Subject, type Kind, type Place } from './transport/subject.ts'
import { unit } from './transport/unit.ts'

/** What must hold, and a test that a transport of its own is opened for, with queues that nobody else uses. */
export type Case = [what: string, test: (s: Subject) => Promise<unknown>]

const nouns: Record<string, Case[]> = { put, reserve, lease, back, unit, look, lacks }

/** A call that never settles fails its test, not the whole file. In milliseconds. */
const LIMIT = { timeout: 60_000 }

/** Every transport passes this; a bug found in one is a new case for all. */
export function transportContract(kind: Kind): void {
  describe(kind.name, () => {
    let place: Place
    before(async () => (place = await kind.serve()))
    after(() => place.close())
    for (const [noun, cases] of Object.entries(nouns))
      describe(noun, () => {
        for (const [what, run] of cases)
          test(what, LIMIT, async () => {
            const subject = await Subject.open(kind, place)
            try {
              await run(subject)
            } finally {
              await subject.close()
            }
          })
      })
  })
}
