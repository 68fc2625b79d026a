/** Random actions of SQS's clients. */
import fc from 'fast-check'
import type { Form } from '../protocols/sqs/served.ts'
import type { Sent } from './sqs-model.ts'

export type Step = (
  | { do: 'send'; queue: string; messages: Sent[]; batch: boolean }
  | { do: 'receive'; queue: string; max: number; seconds: number | undefined; attempt: string | undefined }
  | { do: 'poll'; queue: string; max: number; seconds: number | undefined }
  | { do: 'hang up'; poll: number }
  | { do: 'delete'; receipts: number[]; batch: boolean }
  | { do: 'change'; receipts: number[]; seconds: number; batch: boolean }
  | { do: 'purge'; queue: string }
  | { do: 'redrive'; from: string; to: string | undefined }
  | { do: 'set'; queue: string; lease: number }
  | { do: 'move'; ms: number }
  | { do: 'restart' }
) & { form: Form }

const STANDARD = ['plain', 'work', 'dead'] as const
const FIFO = ['content.fifo', 'work.fifo', 'dead.fifo'] as const
const queue = fc.constantFrom<string>(...STANDARD, ...FIFO)
const form = fc.constantFrom<Form>('json', 'query')
const seconds = fc.constantFrom(undefined, undefined, 0, 5, 60)
const body = fc.constantFrom('a', 'b', '<&>"\'', 'zwölf\r\n\t€ 🐟')
const max = fc.constantFrom(1, 1, 2, 10)

const standard = fc.record(
  { body, delay: fc.constantFrom(undefined, undefined, 0, 5, 900) },
  { requiredKeys: ['body'] },
)
const group = fc.constantFrom('g', 'h')
const withId = fc.record({ body, group, dedup: fc.constantFrom('1', '2', '3', '4', '5') })
const withContent = fc.record({ body, group })

function send(queues: readonly string[], message: fc.Arbitrary<object>) {
  return fc.record({
    do: fc.constant('send' as const),
    queue: fc.constantFrom(...queues),
    messages: fc.array(message as fc.Arbitrary<Sent>, { minLength: 1, maxLength: 4 }),
    batch: fc.boolean(),
    form,
  })
}

/** Which of the receipts so far, counted from the last. */
const receipts = fc.array(fc.nat(6), { minLength: 1, maxLength: 3 })
const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary })

export const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(4, send(STANDARD, standard)),
  weighted(3, send(['work.fifo', 'dead.fifo'], withId)),
  weighted(2, send(['content.fifo'], withContent)),
  weighted(
    8,
    fc.record({
      ...{ do: fc.constant('receive' as const), queue, max, seconds, form },
      attempt: fc.constantFrom(undefined, undefined, undefined, 'x', 'y'),
    }),
  ),
  weighted(3, fc.record({ do: fc.constant('poll' as const), queue, max, seconds, form })),
  weighted(1, fc.record({ do: fc.constant('hang up' as const), poll: fc.nat(3), form })),
  weighted(5, fc.record({ do: fc.constant('delete' as const), receipts, batch: fc.boolean(), form })),
  weighted(
    3,
    fc.record({
      ...{ do: fc.constant('change' as const), receipts, batch: fc.boolean(), form },
      seconds: fc.constantFrom(0, 0, 1, 60, 43_200),
    }),
  ),
  weighted(1, fc.record({ do: fc.constant('purge' as const), queue, form })),
  weighted(
    2,
    fc
      .record({
        ...{ do: fc.constant('redrive' as const), form },
        from: fc.constantFrom('dead', 'dead.fifo'),
        to: fc.boolean(),
      })
      .map(({ from, to, ...rest }) => ({
        ...rest,
        from,
        to: to ? (from === 'dead' ? 'plain' : 'content.fifo') : undefined,
      })),
  ),
  weighted(1, fc.record({ do: fc.constant('set' as const), queue, lease: fc.constantFrom(0, 10, 90), form })),
  weighted(
    5,
    fc.record({ do: fc.constant('move' as const), ms: fc.constantFrom(1, 999, 5000, 20_000, 61_000, 300_000), form }),
  ),
  weighted(1, fc.record({ do: fc.constant('restart' as const), form })),
)
