import { describe, test } from 'node:test'
import { bulk } from './bulk.ts'
import { bury } from './bury.ts'
import { cancel } from './cancel.ts'
import { deadLetters } from './dead.ts'
import { edit } from './edit.ts'
import { events } from './events.ts'
import { fair } from './fair.ts'
import { finish } from './finish.ts'
import { gates } from './gates.ts'
import { group } from './group.ts'
import { history } from './history.ts'
import { lease } from './lease.ts'
import { limits } from './limits.ts'
import { look } from './look.ts'
import { processes } from './processes.ts'
import { put } from './put.ts'
import { record } from './record.ts'
import { release } from './release.ts'
import { reserve } from './reserve.ts'
import { limitStanding } from './standing.ts'
import { Subject, type Kind } from './subject.ts'
import { time } from './time.ts'
import { traits } from './traits.ts'
import { unique } from './unique.ts'
import { unit } from './unit.ts'

/** What must hold, and a test that a store of its own is opened for. */
export type Case = [what: string, test: (s: Subject) => Promise<unknown>]

const nouns: Record<string, Case[]> = {
  put,
  reserve,
  lease,
  finish,
  release,
  bury,
  'dead letters': deadLetters,
  edit,
  cancel,
  group,
  'fair groups': fair,
  gates,
  'standing at limits': limitStanding,
  unique,
  limits,
  time,
  bulk,
  unit,
  record,
  look,
  events,
  history,
  processes,
  traits,
}

/** Every store passes this; a bug found in one is a new case for all. */
export function storeContract(kind: Kind): void {
  for (const [noun, cases] of Object.entries(nouns))
    describe(`${kind.name}: ${noun}`, () => {
      for (const [what, run] of cases)
        test(what, async () => {
          const subject = await Subject.open(kind)
          try {
            await run(subject)
          } finally {
            await subject.close()
          }
        })
    })
}
