import { pino, stdSerializers, type Logger } from 'pino'
import pretty from 'pino-pretty'

export type Log = Logger

export const LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type Level = (typeof LEVELS)[number]

/** Control characters as JSON says them, but for line ends and tabs, which errors have. */
const CONTROLS = /\\u00[0-9a-fA-F]{2}|\\[bfr]|[\u007f-\u009f]/g

/** A line without what could steer a terminal: pino has escaped it, and what makes it readable would undo that. */
function harmless(stream: { write(line: string): void }): { write(line: string): void } {
  return { write: (line) => stream.write(line.replaceAll(CONTROLS, '\ufffd')) }
}

/** Standard error where it is no terminal. A log that can't be written, as on a full disk, ends no server: what comes meanwhile is kept up to a bound. */
function file(): ReturnType<typeof pino.destination> {
  const stream = pino.destination({ dest: 2, sync: true, maxLength: 65_536 })
  stream.on('error', () => undefined)
  return stream
}

/** What is told of an error already stays as it is: by itself pino would take it for an error of class Object. */
function errorOf(error: unknown): unknown {
  return error instanceof Error ? stdSerializers.err(error) : error
}

/**
 * The log of a server: JSON lines on standard error, readable ones where that is a terminal. Bodies of jobs never go into it.
 * @example createLog('info').info({ address: '127.0.0.1:11300' }, 'listening')
 */
export function createLog(level: Level): Log {
  const stream = process.stderr.isTTY
    ? harmless(
        pretty({
          destination: 2,
          sync: true,
          ignore: 'pid,hostname',
          translateTime: 'HH:MM:ss',
          colorize: process.stderr.hasColors(),
        }),
      )
    : file()
  return pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorOf } },
    stream,
  )
}
