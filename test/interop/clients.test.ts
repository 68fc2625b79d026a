import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, it } from 'node:test'
import { needs, type Peer as Need } from '../needs.ts'
import { servers } from './servers.ts'

/** A worker's day, as most of the programs tell it. */
const day = `put 1
put 2
watched emails
tubes default emails
peek-ready 1 hello
peek-delayed 2 later
peek-buried nothing
reserve 1 hello
stats-job reserved pri=10 ttr=60 reserves=1
reserve 1 hello
peek-buried 1 hello
kick 1
reserve 1 hello
stats-job pri=7 reserves=3 releases=1 buries=1 kicks=1
reserve timed out
delete not found
stats-tube emails ready=0 delayed=0 total=2
put 3
reserve 3 slow
reserve deadline soon
reserve 3 slow timeouts=1
put 4
reserve timed out
reserve 4 paused
bytes true
bytes 0
bytes 65535
put too big
stats ready=0 connections=1 max=65535 timeouts=1
`

const laravel = `nothing
push 1
push 2
push 3
later 4
size 3
ann attempt 1
flaky attempt 1
flaky attempt 2
flaky attempt 3
broken attempt 1
nothing
buried 1
kick 1
broken attempt 2
late attempt 1
size 0
`

const symfony = `get nothing
count 2
get ann
get bob
get nothing
get late
count 0
`

const clients: { name: string; command: string; needs?: Need; program: string; lacks?: string; says?: string }[] = [
  { name: 'beaneater', command: 'ruby', needs: 'beaneater', program: 'beaneater.rb' },
  { name: 'Pheanstalk', command: 'php', needs: 'pheanstalk', program: 'pheanstalk.php' },
  { name: "Laravel's queue", command: 'php', needs: 'laravel', program: 'laravel.php', says: laravel },
  { name: "Symfony's Messenger", command: 'php', needs: 'symfony', program: 'symfony.php', says: symfony },
  {
    name: 'jackd',
    command: process.execPath,
    program: 'jackd.mjs',
    // What it can't do, with any server; its program says why.
    lacks: 'put 4\nreserve timed out\nreserve 4 paused\nbytes true\nbytes 0\n',
  },
  { name: 'node-beanstalk', command: process.execPath, program: 'node-beanstalk.mjs' },
  { name: 'fivebeans', command: process.execPath, program: 'fivebeans.mjs' },
  { name: 'the package beanstalkd', command: process.execPath, program: 'beanstalkd.mjs' },
  { name: "Greenstalk's face", command: 'python3', needs: 'python3', program: 'greenstalk-day.py' },
  { name: "the article's program", command: 'python3', needs: 'python3', program: 'article.py', says: '1\nhello\n' },
]

const run = promisify(execFile)

for (const server of needs('beanstalkd') ? servers : servers.slice(1))
  describe(`other people's clients with ${server.name}`, { concurrency: true }, () => {
    for (const { name, command, program, lacks, says, needs: peer } of clients) {
      if (peer && !needs(peer)) continue
      it(name, async () => {
        const started = await server.start()
        try {
          const path = fileURLToPath(new URL(`clients/${program}`, import.meta.url))
          const { stdout } = await run(command, [path, String(started.port)], {
            timeout: 30_000,
            env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
          })
          assert.equal(stdout, says ?? day.replace(lacks ?? '', ''))
        } finally {
          await started.stop()
        }
      })
    }
  })
