import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Server } from './server.ts'

export type ServerName = 'beanstalkd' | 'beanstalkd-f0' | 'canned' | 'memory' | 'file' | 'file-unsynced'

/** A server that a load can be put on. */
export interface ServerKind {
  /** What it is, in a table. */
  is: string
  /** Undefined: it can be started. Else what is missing, for people. */
  missing?(): string | undefined
  /** @param folder an empty one, of its own */
  start(folder: string, nodeFlags?: readonly string[]): Promise<Server>
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** What is measured: the sources, or what `npm run build` made of them. */
export const program = process.env['QUEUEUP_BENCH_DIST']
  ? path('../../dist/cli/queueup.js')
  : path('../../src/cli/queueup.ts')

const beanstalkd = (...flags: readonly string[]): Pick<ServerKind, 'missing' | 'start'> => ({
  missing: () =>
    spawnSync('beanstalkd', ['-v']).status === 0
      ? undefined
      : 'beanstalkd is not installed (apt-get install beanstalkd)',
  start: (folder) =>
    Server.start((port) => [
      'beanstalkd',
      '-l',
      '127.0.0.1',
      '-p',
      String(port),
      ...flags.map((flag) => (flag === 'DIR' ? folder : flag)),
    ]),
})

const queueup = (...flags: readonly string[]): Pick<ServerKind, 'start'> => ({
  start: (folder, nodeFlags = []) =>
    Server.start((port) => [
      process.execPath,
      ...nodeFlags,
      program,
      'beanstalkd',
      '-l',
      '127.0.0.1',
      '-p',
      String(port),
      ...flags.map((flag) => (flag === 'DIR' ? folder : flag)),
    ]),
})

export const servers: Readonly<Record<ServerName, ServerKind>> = {
  beanstalkd: { is: 'beanstalkd in memory', ...beanstalkd() },
  'beanstalkd-f0': { is: 'beanstalkd -b DIR -f0', ...beanstalkd('-b', 'DIR', '-f0') },
  canned: {
    is: 'node:net, canned replies (the limit)',
    start: () => Server.start((port) => [process.execPath, path('../programs/canned.ts'), String(port)]),
  },
  memory: { is: 'Queueup in memory', ...queueup() },
  file: { is: 'Queueup -b DIR, synced', ...queueup('-b', 'DIR') },
  'file-unsynced': { is: 'Queueup -b DIR -F, never synced', ...queueup('-b', 'DIR', '-F') },
}
