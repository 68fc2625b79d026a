import { Holder } from '../machine/row.ts'

/** Sessions of one process are numbered below this; the process's slot stands above. */
export const SESSIONS = 2 ** 36

/** A session, of this process or another, as the file names it. */
export class NumberedHolder extends Holder {
  readonly no: number
  /** It belongs to this process. */
  readonly own: boolean

  constructor(session: string, no: number, own: boolean) {
    super(session)
    this.no = no
    this.own = own
  }
}

/** The numbers of a process's sessions. */
export function sessionsOf(slot: number): [from: number, to: number] {
  return [slot * SESSIONS, slot * SESSIONS + SESSIONS - 1]
}
