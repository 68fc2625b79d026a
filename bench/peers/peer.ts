import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Server } from '../servers/server.ts'
import { createDatabase, postgresMissing, startPostgres } from '../servers/postgres.ts'
import { redisMissing, startRedis } from '../servers/redis.ts'

/** What `programs/jobs.mjs` is told. */
export interface JobsOrder {
  peer: string
  /** Where its jobs are, and how it is set up; what `openPeer` takes. */
  at: object
  workload: 'put' | 'bulk' | 'drain' | 'latency'
  jobs?: number
  ms?: number
  concurrency?: number
}
/** Of latency: p50 and p99 in milliseconds, and the share of a core that idleness costs. */
export interface JobsFigures {
  perSecond: number
  rss?: number
  p50: number
  p99: number
  idle: number
}

export type PeerName =
  | 'queueup'
  | 'bullmq'
  | 'bullmq, appendfsync always'
  | 'pg-boss'
  | 'graphile-worker'
  | 'graphile-worker, no local queue'
  | 'plainjob'

interface PeerKind {
  peer: string
  /** Undefined: it is there. Else what is missing, for people. */
  missing?(): string | undefined
  start?(folder: string): Promise<Server>
  /** A place without a job. @param name not used before */
  place(folder: string, name: string, server: Server | undefined): object
  /** The Node.js that can load it. */
  node?(): string | undefined
}

const redis = (...flags: readonly string[]): Omit<PeerKind, 'peer'> => ({
  missing: () => redisMissing() ?? installed('bullmq'),
  start: (folder) => startRedis(folder, ...flags),
  place: (_folder, _name, server) => ({ port: server?.port }),
})

const postgres = (name: string, options: object = {}): Omit<PeerKind, 'peer'> => ({
  missing: () => postgresMissing() ?? installed(name),
  start: startPostgres,
  place: (_folder, database, server) => ({
    connectionString: createDatabase(server as Server, database),
    ...options,
  }),
})

export const peers: Readonly<Record<PeerName, PeerKind>> = {
  queueup: { peer: 'queueup', place: (folder, name) => ({ url: `file:${join(folder, name)}.db` }) },
  bullmq: { peer: 'bullmq', ...redis() },
  'bullmq, appendfsync always': { peer: 'bullmq', ...redis('--appendonly', 'yes', '--appendfsync', 'always') },
  'pg-boss': { peer: 'pg-boss', ...postgres('pg-boss') },
  'graphile-worker': { peer: 'graphile-worker', ...postgres('graphile-worker') },
  'graphile-worker, no local queue': {
    peer: 'graphile-worker',
    ...postgres('graphile-worker', { latency: true }),
  },
  plainjob: {
    peer: 'plainjob',
    missing: () =>
      installed('plainjob') ?? (plainjobNode() ? undefined : 'better-sqlite3 can be loaded by no Node.js on the PATH'),
    place: (folder, name) => ({ path: `${join(folder, name)}.db` }),
    node: plainjobNode,
  },
}

const modules = fileURLToPath(new URL('../node_modules', import.meta.url))

function installed(name: string): string | undefined {
  return existsSync(join(modules, name)) ? undefined : `${name} is not installed (npm install --prefix bench)`
}

/** better-sqlite3 may have been built for another Node.js than this one. */
function plainjobNode(): string | undefined {
  const nodes = [
    process.execPath,
    ...(process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node')),
  ]
  const load = `new (require('better-sqlite3'))(':memory:')`
  return nodes.find(
    (node) => existsSync(node) && spawnSync(node, ['-e', load], { cwd: modules, stdio: 'ignore' }).status === 0,
  )
}
