/** What all batches have in common: entries with ids of their own, each of which succeeds or fails by itself. */
import type { Result } from '../../stores/store.ts'
import { checkBounds, checkRequired, entryPath } from './check.ts'
import type { Structure } from './model.ts'
import { emptyValue, missing, SqsError } from './sqs-error.ts'

const MOST = 10
const ID = /^[A-Za-z0-9_-]{1,80}$/

interface Failed {
  Id: string
  SenderFault: boolean
  Code: string
  Message: string
}
/** What its entries are entries of, and their shape. */
interface Batch {
  action: string
  shape: Structure
  /** What is wrong with one entry is wrong with the batch. */
  whole?: boolean
}
/** Of what there is none isn't told. */
export interface BatchOutput<S> {
  Successful?: S[]
  Failed?: Failed[]
}

/**
 * Prepares each entry, does all that can be done in one go, and tells of each.
 * @param prepare throws an SqsError for an entry that can't be; it is told where the entry stands
 * @param perform answers one result for each that was prepared
 * @throws SqsError for what concerns the batch as a whole
 */
export async function eachEntry<E extends { Id: string }, P, S extends object>(
  { action, shape, whole }: Batch,
  entries: readonly E[],
  prepare: (entry: E, path: string) => P,
  perform: (prepared: P[]) => Promise<Result[]>,
  tell: (prepared: P, result: Result) => S,
): Promise<BatchOutput<{ Id: string } & S>> {
  checkIds(action, entries)
  const outcomes = entries.map((entry, i) =>
    attempt(() => {
      const path = entryPath(`${action}RequestEntry`, i)
      checkRequired(shape, entry, path, whole ? missing : emptyValue)
      checkBounds(shape, entry)
      return prepare(entry, path)
    }),
  )
  const bad = whole && outcomes.find((outcome) => outcome instanceof SqsError)
  if (bad) throw bad
  const prepared = outcomes.filter((outcome) => !(outcome instanceof SqsError)) as P[]
  const results = prepared.length > 0 ? await perform(prepared) : []
  const output: BatchOutput<{ Id: string } & S> = {}
  let next = 0
  for (const [i, { Id }] of entries.entries()) {
    let outcome: unknown = outcomes[i]
    if (!(outcome instanceof SqsError)) {
      const result = results[next++] as Result
      outcome = attempt(() => tell(outcomes[i] as P, result))
    }
    if (outcome instanceof SqsError) (output.Failed ??= []).push(failed(Id, outcome))
    else (output.Successful ??= []).push({ Id, ...(outcome as S) })
  }
  return output
}

function attempt<T>(run: () => T): T | SqsError {
  try {
    return run()
  } catch (error) {
    if (error instanceof SqsError) return error
    throw error
  }
}

function failed(Id: string, { ofEntry: { code, fault, message } }: SqsError): Failed {
  return { Id, SenderFault: fault === 'Sender', Code: code, Message: message }
}

function checkIds(action: string, entries: readonly { Id: string }[]): void {
  if (entries.length === 0)
    throw new SqsError('EmptyBatchRequest', `There should be at least one ${action}RequestEntry in the request.`)
  if (entries.length > MOST)
    throw new SqsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${MOST}. You have sent ${entries.length}.`,
    )
  const ids = new Set<string>()
  for (const { Id } of entries) {
    if (!ID.test(Id))
      throw new SqsError(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
      )
    if (ids.has(Id)) throw new SqsError('BatchEntryIdsNotDistinct', `Id ${Id} repeated.`)
    ids.add(Id)
  }
}
