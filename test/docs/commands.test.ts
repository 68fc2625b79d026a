import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { pages, type Page } from './pages.ts'
import { blocksOf, fileOf, promised, workplace, type Block } from './workplace.ts'

const run = promisify(execFile)

/** Blocks fenced as ```sh run, and ```ts NAME.ts run. A line `# prints: ...` below a command says what the block prints, line by line. */
const running = pages.flatMap((page) =>
  blocksOf(page)
    .filter(({ words }) => words.includes('run'))
    .map((block) => ({ page, block })),
)

test('there are documented commands to run', () => assert.ok(running.length > 0))

for (const { page, block } of running)
  test(`what stands at ${block.place} does what it says`, (t) => runBlock(page, block, t))

async function runBlock(page: Page, block: Block, t: TestContext): Promise<void> {
  const { cwd, env } = workplace(page)
  t.after(() => rmSync(cwd, { recursive: true }))
  const file = fileOf(block)
  const [program, args] =
    block.language === 'ts' ? [process.execPath, [file ?? '']] : ['bash', ['-euo', 'pipefail', '-c', block.code]]
  const { stdout } = await run(program, args, { cwd, env, timeout: 60_000 })
  const lines = promised(block)
  if (lines.length > 0) assert.deepEqual(stdout.trimEnd().split('\n'), lines)
}
