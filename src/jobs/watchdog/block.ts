import type { Ms } from '../../job.ts'

/** One time that the event loop stood still. */
export interface Block {
  /** The handler in which it did; 0: none is known. */
  slot: number
  /** Its job; 0: it isn't known which. */
  job: number
  ms: Ms
  /** Where the program was: `shrink (/app/images.ts:12)`; '' where it can't be told. */
  where: string
}

/** What the watching thread knows of a handler. */
export interface Watched {
  slot: number
  /** The job's name, and that of the function. */
  name: string
  called: string
}
