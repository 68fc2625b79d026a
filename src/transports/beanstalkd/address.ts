import { InvalidArgumentError } from '../../errors.ts'

/** Where a server is reached: by TCP, or at a Unix socket. */
export type Address = { host: string; port: number } | { path: string }

/**
 * The address in a URL.
 * @param url `beanstalkd://host:port` (port 11300 unless it says otherwise) or `beanstalkd:///path/to.sock`
 * @throws InvalidArgumentError
 */
export function parseAddress(url: string): Address {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    throw noAddress(url)
  }
  const { hostname, pathname } = parsed
  // What would be passed over, such as a password, is refused.
  if (parsed.username + parsed.password + parsed.search + parsed.hash !== '') throw noAddress(url)
  if (hostname === '' && /^\/./.test(pathname)) return { path: decoded(pathname, url) }
  if (!/^\/?$/.test(pathname)) throw noAddress(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return { host: host === '' ? '127.0.0.1' : host, port: parsed.port === '' ? 11_300 : Number(parsed.port) }
}

function decoded(path: string, url: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw noAddress(url)
  }
}

function noAddress(url: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `'${url}' is no address; write beanstalkd://127.0.0.1:11300 or beanstalkd:///run/queueup.sock.`,
  )
}

/** For messages. */
export function nameOfAddress(address: Address): string {
  if ('path' in address) return address.path
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

/**
 * A tube's name as the protocol takes it (protocol.txt, "names"): 1 to 200 bytes.
 * @throws InvalidArgumentError
 */
export function checkTube(tube: string): string {
  if (!/^[A-Za-z0-9+/;.$_()][A-Za-z0-9\-+/;.$_()]{0,199}$/.test(tube))
    throw new InvalidArgumentError(
      `'${tube}' can't be a tube's name. Use 1 to 200 letters, digits and -+/;.$_() and begin with another than -.`,
    )
  return tube
}
