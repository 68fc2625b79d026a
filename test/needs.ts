import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { relative } from 'node:path'
import { test } from 'node:test'

/** What a test may need that doesn't come with `npm ci`: how to see that it is there. scripts/install-test-peers installs it. */
const peers = {
  beanstalkd: { is: 'beanstalkd, the real server', there: () => runs('beanstalkd', '-v') },
  beaneater: { is: 'beaneater, a client in Ruby', there: () => runs('ruby', '-e', 'require "beaneater"') },
  pheanstalk: {
    is: 'Pheanstalk, a client in PHP',
    there: () => runs('php', '-r', 'require "Pheanstalk/autoload.php";'),
  },
  laravel: {
    is: "Laravel's queue, in PHP",
    there: () => runs('php', '-r', 'require "Illuminate/Queue/autoload.php";'),
  },
  symfony: {
    is: "Symfony's Messenger, in PHP",
    there: () => runs('php', '-r', 'require "Symfony/Component/Messenger/Bridge/Beanstalkd/autoload.php";'),
  },
  python3: { is: 'Python 3', there: () => runs('python3', '-c', 'import socket') },
  openssl: { is: 'openssl', there: () => runs('openssl', 'version') },
  boto3: {
    is: "Debian's boto3 and awscli, which speak SQS's Query protocol",
    there: () => runs('/usr/bin/python3', '-c', 'import boto3') && runs('/usr/bin/aws', '--version'),
  },
  kombu: {
    is: "Debian's Kombu, which is Celery's transport",
    there: () => runs('/usr/bin/python3', '-c', 'import kombu.transport.SQS'),
  },
  celery: {
    is: "Debian's Celery, with the pycurl that its workers need for SQS",
    there: () => runs('/usr/bin/python3', '-c', 'import celery, pycurl'),
  },
  rubysdk: { is: 'the AWS SDK for Ruby', there: () => runs('ruby', '-e', 'require "aws-sdk-v1"') },
  terminal: { is: 'script, which runs a command on a terminal', there: () => runs('script', '--version') },
  vitest: { is: 'vitest, another runner of tests', there: () => runs('vitest', '--version') },
  compiler: { is: 'a C compiler', there: () => compiler() !== undefined },
  root: { is: 'the rights of root', there: () => process.getuid?.() === 0 },
}

export type Peer = keyof typeof peers

/**
 * Whether all of these are there. Where one isn't, the tests that need it are not to be registered: the last lines of `npm test` name it, with this file.
 * With QUEUEUP_TEST_ALL=1 its absence is a failing test instead.
 * @example if (needs('beanstalkd')) test('answers as beanstalkd does', ...)
 */
export function needs(...names: readonly Peer[]): boolean {
  const missing = names.filter((name) => !isThere(name))
  for (const name of missing) report(name)
  return missing.length === 0
}

const seen = new Map<Peer, boolean>()

function isThere(name: Peer): boolean {
  let there = seen.get(name)
  if (there === undefined) seen.set(name, (there = peers[name].there()))
  return there
}

const reported = new Set<Peer>()

function report(name: Peer): void {
  if (reported.has(name)) return
  reported.add(name)
  const { is } = peers[name]
  if (process.env['QUEUEUP_TEST_ALL'] === '1') {
    test(`needs ${is}`, () => {
      throw new Error(`${is} isn't here; scripts/install-test-peers installs it.`)
    })
    return
  }
  const line = `${is}\t${relative('', process.argv[1] ?? '')}\n`
  const list = process.env['QUEUEUP_TEST_LEFT_OUT']
  if (list) appendFileSync(list, line)
  else process.stderr.write(`Left out, for want of ${line}`)
}

/** The C compiler of this machine. */
export function compiler(): string | undefined {
  return runs('tcc', '-v') ? 'tcc' : runs('cc', '--version') ? 'cc' : undefined
}

function runs(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0
}
