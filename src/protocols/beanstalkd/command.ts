/** beanstalkd's commands as values. */

/** A command line has at most so many bytes, with its CRLF. */
export const MAX_LINE = 224
/** A tube's name has at most so many bytes. */
export const MAX_TUBE_NAME = 200

export type Command = PutCommand | JobCommand | LoneCommand | ConnectionCommand | Refused

export interface PutCommand {
  name: 'put'
  pri: number
  delay: number
  ttr: number
  body: Uint8Array
}

/** Takes a job, or changes one. */
export type JobCommand =
  | { name: 'reserve' }
  | { name: 'reserve-with-timeout'; timeout: number }
  | { name: 'reserve-job' | 'delete' | 'touch' | 'kick-job'; id: number }
  | { name: 'release'; id: number; pri: number; delay: number }
  | { name: 'bury'; id: number; pri: number }

/** Changes or tells what the connection itself has. */
export type ConnectionCommand = { name: 'use' | 'watch' | 'ignore'; tube: string } | { name: 'list-tube-used' }

/** Is done by itself, after all that came before it. */
export type LoneCommand = Inspection | TubeCommand | { name: 'quit' }

/** Only looks. */
export type Inspection =
  | { name: 'peek' | 'stats-job'; id: number }
  | { name: 'stats-tube'; tube: string }
  | { name: 'peek-ready' | 'peek-delayed' | 'peek-buried' | 'stats' | 'list-tubes' | 'list-tubes-watched' }

/** Changes a tube, or many of its jobs. */
export type TubeCommand = { name: 'kick'; bound: number } | { name: 'pause-tube'; tube: string; delay: number }

/** What was refused as it was read: the reply, and whether it counts as a command all the same. */
export interface Refused {
  name: 'refused'
  reply: Refusal
  counts?: 'put' | 'pause-tube'
}

export type Refusal = 'BAD_FORMAT' | 'UNKNOWN_COMMAND' | 'EXPECTED_CRLF' | 'JOB_TOO_BIG'

/** An id that no job has: what is above the numbers that a job can have. */
export const NO_ID = -1
