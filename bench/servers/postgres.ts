import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Server } from './server.ts'

const DEBIAN = '/usr/lib/postgresql'

/** Where the server's programs are: on the PATH, or where Debian has them. */
function programs(): string | undefined {
  if (spawnSync('initdb', ['--version']).status === 0) return ''
  try {
    const [newest] = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a))
    return newest && `${DEBIAN}/${newest}/bin/`
  } catch {
    return undefined
  }
}

export const postgresMissing = (): string | undefined =>
  programs() === undefined ? 'PostgreSQL is not installed (apt-get install postgresql)' : undefined

/** A server of its own, with the settings that it comes with, and its user `postgres` without a password on the loopback. It refuses to run as root. */
export async function startPostgres(folder: string): Promise<Server> {
  const bin = programs() ?? ''
  const data = join(folder, 'data')
  mkdirSync(data)
  const asUser = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : []
  if (asUser.length > 0) {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres']))
    for (const path of [folder, data]) chownSync(path, id('-u'), id('-g'))
    chmodSync(dirname(folder), 0o711)
  }
  const [program = '', ...args] = [...asUser, `${bin}initdb`, '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8']
  execFileSync(program, args, { stdio: 'ignore' })
  return Server.start((port) => [...asUser, `${bin}postgres`, '-D', data, '-p', String(port), '-k', data], 'SIGINT')
}

/** A new database, by whose URL it can be reached. */
export function createDatabase(server: Server, name: string): string {
  const url = (database: string) => `postgres://postgres@127.0.0.1:${server.port}/${database}`
  execFileSync('psql', [url('postgres'), '-q', '-c', `CREATE DATABASE ${name}`])
  return url(name)
}
