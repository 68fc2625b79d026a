import { BlockList, isIP } from 'node:net'
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

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** Only this machine reaches it. Of names that is known of localhost alone: any other may lead anywhere. */
export function isLoopback(at: Listen): boolean {
  if ('path' in at || at.host === 'localhost') return true
  const version = isIP(at.host)
  return version !== 0 && LOOPBACK.check(at.host, version === 6 ? 'ipv6' : 'ipv4')
}
