/**
 * Runs the tests: node scripts/test.ts [FILE or GLOB]...
 * Default: all of test/. The last lines name what was left out because what it needs isn't there (test/needs.ts).
 */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { finished } from 'node:stream/promises'

/** Files at a time: the tests are meant for two cores, and many of them wait. */
const CONCURRENCY = 3
/** How long one file may take, in milliseconds. */
const TIMEOUT = 300_000 * Number(process.env['QUEUEUP_LONG'] ?? 1)

const patterns = process.argv.length > 2 ? process.argv.slice(2) : ['test/**/*.test.ts']
const files = [...new Set(patterns.flatMap((pattern) => globSync(pattern)))].sort()
if (files.length === 0) {
  console.error(`No test file matches ${patterns.join(' ')}.`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'queueup-test-'))
const list = join(folder, 'left-out')
writeFileSync(list, '')
process.env['QUEUEUP_TEST_LEFT_OUT'] = list
process.env['QUEUEUP_TEST_TIMEOUT'] = String(TIMEOUT)
// Hundreds of the processes that the tests start load the same sources: they are stripped of their types once.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, '../node_modules/.cache/compile')

const limit = new URL('test-limit.ts', import.meta.url).href
const events = run({ files, concurrency: CONCURRENCY, timeout: TIMEOUT, execArgv: ['--import', limit] })
events.once('test:fail', () => (process.exitCode = 1))
const report = new spec()
events.pipe(report).pipe(process.stdout, { end: false })
await finished(report)

const leftOut = Map.groupBy(
  readFileSync(list, 'utf8').split('\n').filter(Boolean).sort(),
  (line) => line.split('\t')[0],
)
rmSync(folder, { recursive: true })

if (leftOut.size > 0) {
  console.log('\nLeft out, for want of')
  for (const [need, lines] of leftOut) console.log(`  ${need}: ${lines.map((line) => line.split('\t')[1]).join(', ')}`)
  console.log('scripts/install-test-peers installs these. With QUEUEUP_TEST_ALL=1 their absence is a failure.')
} else console.log('\nNothing was left out.')
