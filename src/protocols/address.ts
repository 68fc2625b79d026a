import { InvalidArgumentError } from '../errors.ts'

export type Listen = { host: string; port: number } | { path: string }
export type Port = Exclude<Listen, { path: string }>

/**
 * Where to listen: `HOST:PORT`, `[::1]:PORT`, a port alone (on loopback), or `unix:PATH`.
 * @throws InvalidArgumentError
 */
export function parseListen(text: string): Listen {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (path === '') throw new InvalidArgumentError(`'${text}' names no socket; write unix:/run/queueup.sock.`)
    return { path }
  }
  const match = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535)
    throw new InvalidArgumentError(
      `'${text}' is no address; write 127.0.0.1:11300, [::1]:11300 or unix:/run/queueup.sock.`,
    )
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port }
}

/**
 * Where to listen, for what is served by TCP only.
 * @throws InvalidArgumentError
 */
export function parsePort(text: string): Port {
  const at = parseListen(text)
  if ('path' in at) throw new InvalidArgumentError(`'${text}' is a socket; give HOST:PORT.`)
  return at
}

export function listenText(at: Listen): string {
  if ('path' in at) return `unix:${at.path}`
  return at.host.includes(':') ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`
}

/** Only this machine reaches it. */
export function isLoopback(at: Listen): boolean {
  return 'path' in at || at.host === 'localhost' || at.host === '::1' || at.host.startsWith('127.')
}
