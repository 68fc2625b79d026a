import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Signer } from '../programs/sqs-requests.ts'
import { program } from './index.ts'
import { Server } from './server.ts'

export type SqsServerName = 'canned' | 'fauxqs' | 'memory' | 'file' | 'signed'

export interface SqsServer {
  server: Server
  /** Without it nobody is asked for a key. */
  signer?: Signer
}

/** A server of SQS's protocol that a load can be put on. */
export interface SqsServerKind {
  /** What it is, in a table. */
  is: string
  /** Undefined: it can be started. Else what is missing, for people. */
  missing?(): string | undefined
  /** @param folder an empty one, of its own */
  start(folder: string, nodeFlags?: readonly string[]): Promise<SqsServer>
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const queueup = (store: string, flags: readonly string[] = []): Pick<SqsServerKind, 'start'> => ({
  start: async (folder, nodeFlags = []) => ({
    server: await Server.start((port) => [
      process.execPath,
      ...nodeFlags,
      program,
      'serve',
      '--store',
      store.replace('DIR', folder),
      '--beanstalkd',
      `unix:${join(folder, 'beanstalkd')}`,
      '--sqs',
      `127.0.0.1:${port}`,
      ...flags,
    ]),
  }),
})

const FILE = 'file:DIR/queueup.db'
const file = queueup(FILE)
const signed = queueup(FILE, ['--sqs-auth', 'on'])

export const sqsServers: Readonly<Record<SqsServerName, SqsServerKind>> = {
  canned: {
    is: 'node:http, JSON parsed, canned answers',
    start: async () => ({
      server: await Server.start((port) => [process.execPath, path('../programs/sqs-canned.ts'), String(port)]),
    }),
  },
  fauxqs: {
    is: 'fauxqs in memory, without its log',
    missing: () =>
      existsSync(path('../node_modules/fauxqs')) ? undefined : 'fauxqs is not installed (npm install --prefix bench)',
    start: async () => ({
      server: await Server.start((port) => [process.execPath, path('fauxqs.mjs'), String(port)]),
    }),
  },
  memory: { is: 'Queueup in memory', ...queueup('memory:') },
  file: { is: 'Queueup on a file, synced', ...file },
  signed: {
    is: 'the same, signatures checked',
    start: async (folder, nodeFlags) => {
      const store = FILE.replace('DIR', folder)
      const user = ['user', 'add', 'bench', 'all:*', '--store', store, '--json']
      const signer = JSON.parse(execFileSync(process.execPath, [program, ...user], { encoding: 'utf8' })) as Signer
      return { ...(await signed.start(folder, nodeFlags)), signer }
    },
  },
}
