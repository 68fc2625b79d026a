import type { Options } from '../options.ts'
import type { Report } from '../report.ts'

export interface Workload {
  name: string
  title: string
  /** @param folder an empty one of its own, removed afterwards */
  run(options: Options, folder: string): Promise<Report>
}
