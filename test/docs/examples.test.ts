import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { needs, type Peer } from '../needs.ts'
import { root } from './pages.ts'

const run = promisify(execFile)
const folder = join(root, 'examples')

/** Examples that speak to a server that was started before. */
const NEED_SERVER = new Set(['socket.ts', 'php-producer.ts'])
/** Examples that start a program of another language. */
const NEED_PEER = new Map<string, Peer>([
  ['other-language.ts', 'python3'],
  ['php-producer.ts', 'pheanstalk'],
])

for (const example of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
  const peer = NEED_PEER.get(example)
  if (peer && !needs(peer)) continue
  test(`examples/${example} prints what it says`, async (t) => {
    const path = join(folder, example)
    const expected = /^\/\/ Prints:\n((?:\/\/ .*\n)+)$/m
      .exec(readFileSync(path, 'utf8'))?.[1]
      ?.replaceAll(/^\/\/ /gm, '')
    assert.ok(expected, 'it ends without a comment that says what it prints')
    const cwd = mkdtempSync(join(tmpdir(), 'queueup-example-'))
    t.after(() => rmSync(cwd, { recursive: true }))
    const args = NEED_SERVER.has(example) ? [await serve(t)] : []
    const { stdout } = await run(process.execPath, [path, ...args], { cwd, timeout: 30_000 })
    assert.equal(stdout, expected)
  })
}

for (const producer of ['producer.py', 'producer.php'])
  test(`the page about other languages shows examples/${producer} as it is`, () => {
    const page = readFileSync(join(root, 'docs/jobs/other-languages.md'), 'utf8')
    assert.ok(page.includes(readFileSync(join(folder, producer), 'utf8')))
  })

/** Starts the server as the README does. Returns its port. */
async function serve(t: TestContext): Promise<string> {
  const args = [join(root, 'src/cli/queueup.ts'), 'serve', '--store', 'memory:', '--beanstalkd', '127.0.0.1:0']
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const gone = once(server, 'exit')
  t.after(async () => {
    server.kill()
    await gone
  })
  for await (const line of createInterface({ input: server.stdout })) {
    const port = /on 127\.0\.0\.1:(\d+)\.$/.exec(line)?.[1]
    if (port !== undefined) return port
  }
  throw new Error('the server did not come to listen')
}
