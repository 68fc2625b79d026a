import { spawnSync } from 'node:child_process'
import { Server } from './server.ts'

export const redisMissing = (): string | undefined =>
  spawnSync('redis-server', ['--version']).status === 0
    ? undefined
    : 'Redis is not installed (apt-get install redis-server)'

/** @param flags such as those that keep an append-only file, synced before each answer */
export const startRedis = (folder: string, ...flags: readonly string[]): Promise<Server> =>
  Server.start((port) => ['redis-server', '--port', String(port), '--dir', folder, '--save', '', ...flags])
