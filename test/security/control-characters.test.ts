/** What steers a terminal, in names, bodies and errors: it never reaches one, nor a line of the log, as it is. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { needs } from '../needs.ts'

const folder = mkdtempSync(join(tmpdir(), 'queueup-terminal-'))
const cli = join(import.meta.dirname, '../../src/cli/queueup.ts')
after(() => rmSync(folder, { recursive: true }))

/** Sets the title, clears the screen, rings, moves back over what stands there; and the same in C1. */
const STEERING = '\u001b]0;owned\u0007\u001b[2J\u001b[1;31mred\u0008\u0008\u0008\u009b2Jend%s%n%d'
const NAMED = `default/evil${STEERING}` as const

/** What a command writes on a terminal. */
async function onTerminal(command: string): Promise<string> {
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  child.stdout.on('data', (bytes) => (out += bytes))
  await once(child, 'close')
  return out
}

function steersNothing(out: string): void {
  // Our own: bold, dim, red, and their ends; and how the terminal's line ends.
  const others = out.replaceAll(/\u001b\[(?:\d{1,2})(?:;\d{1,2})*m/g, '').replaceAll('\r\n', '\n')
  assert.doesNotMatch(others, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/, JSON.stringify(out))
}

if (needs('terminal'))
  describe('on a terminal', () => {
    const queueup = (args: string): Promise<string> => onTerminal(`${process.execPath} ${cli} ${args}`)

    test('names and bodies of jobs are shown without it', async () => {
      const store = await openSqlite({ path: join(folder, 'queueup.db') })
      const body = Buffer.from(`body${STEERING}`)
      await store.commit([{ ops: [{ do: 'put', to: [{ queue: NAMED, create: true }], msg: { body } }] }])[0]
      await store.close()
      for (const [args, word] of [
        ['stats', 'evil'],
        ['peek 1', 'body'],
        ['job 1', ''],
      ] as const) {
        const out = await queueup(args)
        assert.ok(out.includes(word), out)
        steersNothing(out)
        if (word) assert.match(out, /%s%n%d/)
      }
    })

    test('an error that quotes what it was given is shown without it', async () => {
      for (const args of [
        `queue set mail "$(printf 'x\\033[2J=1')"`,
        `put --queue mail --pri "$(printf '\\033]0;owned\\007')" --body x`,
        `peek "$(printf '\\033[2J')"`,
        `user add "$(printf 'x\\033[2J')" 'all:*'`,
        `user add web "$(printf 'all:\\033[2J')"`,
        `serve --beanstalkd "$(printf '\\033[2J')"`,
        `"$(printf 'no\\033[2Jcommand')"`,
      ])
        steersNothing(await queueup(args))
    })

    test('a readable line of the log is written without it', async () => {
      const program = join(folder, 'log.ts')
      const log = join(import.meta.dirname, '../../src/log.ts')
      writeFileSync(
        program,
        `import { createLog } from ${JSON.stringify(log)}
         createLog('info').error({ err: new Error(${JSON.stringify(STEERING)}), queue: ${JSON.stringify(STEERING)} }, 'a connection failed')`,
      )
      const out = await onTerminal(`${process.execPath} ${program}`)
      assert.match(out, /a connection failed[^]*%s%n%d/)
      steersNothing(out)
    })
  })

test('a line of the log is one line of JSON, whatever it says', async () => {
  const program = join(folder, 'json.ts')
  const text = `${STEERING}\r\n{"level":30,"msg":"forged"}\n\u2028%s%n%o`
  writeFileSync(
    program,
    `import { createLog } from ${JSON.stringify(join(import.meta.dirname, '../../src/log.ts'))}
     createLog('info').error({ err: new Error(${JSON.stringify(text)}), queue: ${JSON.stringify(text)} }, 'a connection failed')`,
  )
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'ignore', 'pipe'] })
  let out = ''
  child.stderr.on('data', (bytes) => (out += bytes))
  await once(child, 'close')
  assert.equal(out.split('\n').length, 2)
  assert.doesNotMatch(out.trimEnd(), /[\u0000-\u001f]/)
  const line = JSON.parse(out) as { msg: string; queue: string; err: { message: string } }
  assert.deepEqual([line.msg, line.queue, line.err.message], ['a connection failed', text, text])
})
