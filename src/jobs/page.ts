/** A queue's jobs, page by page. */
import type { Transport } from '../transports/transport.ts'
import { checkCount, checkOptions, checkText, type Names } from './check.ts'
import type { Catalog } from './definition.ts'
import { infoOf, type JobInfo } from './info.ts'
import { LIVE, whereOf, type Selection } from './selection.ts'

export interface PageOptions {
  /** Default 100. */
  limit?: number | undefined
  /** What the page before answered. */
  after?: string | undefined
}
export interface Page {
  jobs: JobInfo[]
  /** Absent: there are no more. */
  after?: string
}

const PAGE_OPTIONS: Names<PageOptions> = { limit: true, after: true }
const LARGEST = 10_000

/** @throws InvalidArgumentError, NotSupportedError */
export async function pageOf(
  transport: Transport,
  catalog: Catalog,
  selection: Selection,
  options: PageOptions,
): Promise<Page> {
  checkOptions(options, 'options of a page', PAGE_OPTIONS)
  const { limit = 100 } = options
  checkCount(limit, 'limit', LARGEST)
  checkText(options.after, 'after')
  const where = whereOf(selection, LIVE, catalog)
  const [only, ...others] = where.states
  const order = others.length > 0 ? 'id' : only === 'buried' ? 'buried' : only === 'delayed' ? 'due' : 'take'
  const { jobs, after } = await transport.look({
    where,
    order,
    limit,
    with: ['body', 'notes'],
    ...(options.after !== undefined && { after: options.after }),
  })
  return { jobs: jobs.map(infoOf), ...(after !== undefined && { after }) }
}
