import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { pages, root } from './pages.ts'

const run = promisify(execFile)

/** Blocks fenced as ```sh run. A line `# prints: ...` below a command says what the block prints, line by line. */
const blocks = pages.flatMap(({ path, text }) =>
  [...text.matchAll(/^```sh run\n([^]*?)^```$/gm)].map((match) => ({
    place: `${path}:${text.slice(0, match.index).split('\n').length}`,
    commands: match[1] ?? '',
  })),
)

test('there are documented commands to run', () => assert.ok(blocks.length > 0))

for (const { place, commands } of blocks)
  test(`the commands at ${place} do what they say`, async (t) => {
    const cwd = mkdtempSync(join(tmpdir(), 'queueup-docs-'))
    t.after(() => rmSync(cwd, { recursive: true }))
    const bin = join(cwd, '.bin')
    mkdirSync(bin)
    writeFileSync(
      join(bin, 'queueup'),
      `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'src/cli/queueup.ts')}" "$@"\n`,
    )
    chmodSync(join(bin, 'queueup'), 0o755)
    const env = { ...process.env, PATH: [bin, dirname(process.execPath), process.env['PATH']].join(delimiter) }
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', commands], { cwd, env, timeout: 60_000 })
    const promised = [...commands.matchAll(/^# prints: (.*)$/gm)].map(([, line]) => line)
    if (promised.length > 0) assert.deepEqual(stdout.trimEnd().split('\n'), promised)
  })
