import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '../..')

/** The installed command on a Node.js that says to be this one. */
function runOn(version: string): { status: number | null; stderr: string } {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, join(root, 'bin/queueup.js'), '--version'],
    { encoding: 'utf8' },
  )
  return { status, stderr }
}

test('the command says in one line which Node.js it needs, where it is too old', () => {
  for (const version of ['18.20.8', '20.19.1', '22.22.2', '23.11.1', '24.14.1', '25.8.2']) {
    const { status, stderr } = runOn(version)
    assert.equal(status, 1, version)
    assert.match(
      stderr,
      /^queueup needs Node\.js 22\.22\.3 or later of 22, 24\.15 or later of 24, or 25\.9 or later; this is v[\d.]+\.\n$/,
    )
  }
})

test('the command starts on each Node.js that the package takes', () => {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } }
  assert.equal(engines.node, '^22.22.3 || ^24.15 || >=25.9')
  for (const version of ['22.22.3', '22.23.0', '24.15.0', '24.21.0', '25.9.0', '26.0.0'])
    assert.doesNotMatch(runOn(version).stderr, /needs Node/, version)
})

test('a program on a Node.js that has no SQLite is told which one it needs, when it opens a file', () => {
  const pretend = `
import { registerHooks } from 'node:module'
delete Map.groupBy
Object.defineProperty(process, 'versions', { value: { ...process.versions, sqlite: undefined } })
registerHooks({
  resolve(name, context, next) {
    if (name === 'node:sqlite') throw new Error('No such built-in module: node:sqlite')
    return next(name, context)
  },
})`
  const program = `
import { defineJobs, job, open } from ${JSON.stringify(pathToFileURL(join(root, 'src/index.ts')).href)}
const jobs = defineJobs({ a: job() })
const queue = await open('memory:', { jobs })
await queue.put('a')
await queue.close()
await open('file:/nowhere/jobs.db', { jobs }).catch((error) => console.log(error.code, error.message))`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, '--input-type=module', '--eval', program],
    { encoding: 'utf8' },
  )
  assert.match(stdout, /^QUEUEUP_UNSAFE_SQLITE This Node\.js \(v[\d.]+\) carries no SQLite\. Use Node\.js 22/, stderr)
})

test('in memory and in tests, a program on an old Node.js is told which one it needs, not by a TypeError of its first worker', () => {
  const program = `
delete Promise.withResolvers
const { defineJobs, job, open } = await import(${JSON.stringify(pathToFileURL(join(root, 'src/index.ts')).href)})
const { testQueue } = await import(${JSON.stringify(pathToFileURL(join(root, 'src/testing/index.ts')).href)})
const jobs = defineJobs({ a: job() })
const told = (error) => console.log(error.code, error.message)
await open('memory:', { jobs }).then((queue) => queue.work({ a() {} })).catch(told)
try {
  testQueue(jobs)
} catch (error) {
  told(error)
}`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  })
  assert.match(
    stdout,
    /^(QUEUEUP_UNSAFE_SQLITE This Node\.js \(v[\d.]+\) is too old\. Use Node\.js 22\.22\.3.*\n){2}$/,
    stderr,
  )
})
