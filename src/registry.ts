import { resolve } from 'node:path'
import { InvalidArgumentError } from './errors.ts'
import type { Durability } from './stores/sqlite/durability.ts'
import type { Store } from './stores/store.ts'

export interface StoreOptions {
  /** Of stores that outlive the process. Default 'full'. */
  durability?: Durability
}

/** Every store by its URL's scheme; each is loaded when it is asked for. */
const stores: Readonly<Record<string, (rest: string, options: StoreOptions) => Promise<Store>>> = {
  'memory:': async () => (await import('./stores/memory/index.ts')).openMemory(),
  'file:': async (rest, { durability }) => {
    // The version of Node.js is looked at first: an old one has no node:sqlite to load.
    const { openSqlite } = await import('./stores/sqlite/index.ts')
    return openSqlite({ path: pathOf(rest), ...(durability !== undefined && { durability }) })
  },
}

/**
 * Opens the store that a URL names: `memory:`, or `file:` with a path, which may stand alone, too (`jobs.db`, `./jobs.db`).
 * @throws InvalidArgumentError for another scheme, and what opening that store throws
 * @example const store = await openStore('file:jobs.db')
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<Store> {
  const { scheme, rest } = split(url)
  const open = stores[scheme]
  if (!open)
    throw new InvalidArgumentError(
      `There is no store for '${scheme}'. There are ${Object.keys(stores).join(' and ')}, such as file:jobs.db.`,
    )
  return open(rest, options)
}

/** Whether the URL names a server instead of a store. */
export function isServer(url: string): boolean {
  return split(url).scheme === 'beanstalkd:'
}

function split(url: string): { scheme: string; rest: string } {
  const match = /^([a-z][a-z0-9+.-]+:)(.*)$/s.exec(url)
  if (match) return { scheme: match[1] as string, rest: match[2] as string }
  if (url === '') throw new InvalidArgumentError('The store is an empty text; name one, such as file:jobs.db.')
  return { scheme: 'file:', rest: url }
}

/** `file:jobs.db`, `file:///var/lib/jobs.db` and `file:/var/lib/jobs.db`. */
function pathOf(rest: string): string {
  const path = rest.startsWith('//') ? decodeURIComponent(rest.slice(2)) : rest
  if (path === '' || path.includes('\0'))
    throw new InvalidArgumentError(`'file:${rest}' names no file; write file:jobs.db.`)
  return resolve(path)
}
