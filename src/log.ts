import { pino, type Logger } from 'pino'
import pretty from 'pino-pretty'

export type Log = Logger

export const LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type Level = (typeof LEVELS)[number]

/**
 * The log of a server: JSON lines on standard error, readable ones where that is a terminal. Bodies of jobs never go into it.
 * @example createLog('info').info({ address: '127.0.0.1:11300' }, 'listening')
 */
export function createLog(level: Level): Log {
  const stream = process.stderr.isTTY
    ? pretty({
        destination: 2,
        sync: true,
        ignore: 'pid,hostname',
        translateTime: 'HH:MM:ss',
        colorize: !process.env['NO_COLOR'],
      })
    : pino.destination({ dest: 2, sync: true })
  return pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}
