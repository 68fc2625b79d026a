import { resolve } from 'node:path'
import type { Clock } from './clock.ts'
import { InvalidArgumentError } from './errors.ts'
import type { Durability } from './stores/sqlite/durability.ts'
import { shown } from './shown.ts'
import type { Store } from './stores/store.ts'
import type { Transport } from './transports/transport.ts'

export interface StoreOptions {
  /** Of stores that outlive the process. Default 'full'. */
  durability?: Durability | undefined
  /** The clock of all deadlines. Default: the machine's; for a file, one that all processes on it share. */
  clock?: Clock | undefined
}

type Open = (rest: string, options: StoreOptions) => Promise<Store>

/** Every store by its URL's scheme; each is loaded when it is asked for. */
const stores: Readonly<Record<string, () => Promise<Open>>> = {
  'memory:': async () => {
    const { openMemory } = await import('./stores/memory/index.ts')
    return async (_, { clock }) => openMemory({ ...(clock && { clock }) })
  },
  'file:': async () => {
    // The version of Node.js is looked at first: an old one has no node:sqlite to load.
    ;(await import('./stores/sqlite/version.ts')).checkSqlite()
    const { openSqlite } = await import('./stores/sqlite/index.ts')
    return async (rest, options) => openSqlite({ path: pathOf(rest), ...options })
  },
}

/**
 * Opens the store that a URL names: `memory:`, or `file:` with a path, which may stand alone, too (`jobs.db`, `./jobs.db`).
 * @throws InvalidArgumentError for another scheme, and what opening that store throws
 * @example const store = await openStore('file:jobs.db')
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<Store> {
  return (await loadStore(url))(options)
}

/**
 * What opens that store: loaded now, for one who may not read this package any more when he opens it.
 * @throws InvalidArgumentError for another scheme
 */
export async function loadStore(url: string): Promise<(options: StoreOptions) => Promise<Store>> {
  const { scheme, rest } = split(url)
  const load = stores[scheme]
  if (!load) throw noSuch(scheme)
  const open = await load()
  return (options) => open(rest, options)
}

/** @throws InvalidArgumentError the URL names no store that could be opened */
export function checkStore(url: string): void {
  const { scheme } = split(url)
  if (!Object.hasOwn(stores, scheme)) throw noSuch(scheme)
  fileOf(url)
}

/** Every kind of server that somebody else runs, by its URL's scheme. */
const servers: Readonly<Record<string, (url: string) => Promise<Transport>>> = {
  'beanstalkd:': async (url) => (await import('./transports/beanstalkd/index.ts')).openBeanstalkd(url),
}

/** Whether the URL names a server instead of a store. */
export function isServer(url: string): boolean {
  return Object.hasOwn(servers, split(url).scheme)
}

/**
 * Opens the queues of the server that a URL names: `beanstalkd://HOST:PORT`.
 * @throws InvalidArgumentError for another scheme
 * @throws ConnectionError no server answers there
 */
export async function openServer(url: string): Promise<Transport> {
  const { scheme } = split(url)
  const open = servers[scheme]
  if (!open) throw noSuch(scheme)
  return open(url)
}

/** What is to come. */
const LATER = ['postgres:', 'postgresql:', 'mysql:', 'mariadb:', 'redis:', 'rediss:', 'amqp:', 'amqps:', 'sqs:']

function noSuch(scheme: string): InvalidArgumentError {
  if (Object.hasOwn(servers, scheme))
    return new InvalidArgumentError(
      `'${scheme}' names a server, and a store is wanted. There are ${Object.keys(stores).join(', ')}, such as file:jobs.db.`,
    )
  const known = [...Object.keys(stores), ...Object.keys(servers)].join(', ')
  return new InvalidArgumentError(
    LATER.includes(scheme)
      ? `Queueup can't keep jobs in '${scheme}' yet. There are ${known}; use file:jobs.db.`
      : `There is no store for '${scheme}'. There are ${known}, such as file:jobs.db.`,
  )
}

/** The file that a store's URL names, if it names one. @throws InvalidArgumentError */
export function fileOf(url: string): string | undefined {
  const { scheme, rest } = split(url)
  return scheme === 'file:' ? pathOf(rest) : undefined
}

function split(url: unknown): { scheme: string; rest: string } {
  if (typeof url !== 'string')
    throw new InvalidArgumentError(`The store is ${shown(url)}; name one, such as 'file:jobs.db'.`)
  const match = /^([a-z][a-z0-9+.-]+:)(.*)$/s.exec(url)
  if (match) return { scheme: match[1] as string, rest: match[2] as string }
  if (/^(\[[0-9a-f:.]+\]|[\d.]+):\d+$/i.test(url))
    throw new InvalidArgumentError(`The store is '${url}', an address; name a server as beanstalkd://${url}.`)
  if (url === '') throw new InvalidArgumentError('The store is an empty text; name one, such as file:jobs.db.')
  return { scheme: 'file:', rest: url }
}

/** `file:jobs.db`, `file:///var/lib/jobs.db` and `file:/var/lib/jobs.db`. */
function pathOf(rest: string): string {
  const path = rest.startsWith('//') ? decoded(rest.slice(2)) : rest
  if (path === '' || path.includes('\0'))
    throw new InvalidArgumentError(`'file:${rest}' names no file; write file:jobs.db.`)
  return resolve(path)
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (error) {
    throw new InvalidArgumentError(
      `'file://${path}' has a % that begins no character; write %25 for one, or file: without the slashes.`,
      { cause: error },
    )
  }
}
