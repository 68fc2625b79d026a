import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { print, shown } from './output.ts'
import { Failed } from './store-flag.ts'

/** What is written, by file; the imports' endings become those of the files. A person reads it first, so it shows what comes next, and no more. */
const FILES: Readonly<Record<string, string>> = {
  'jobs.ts': `// What jobs there are. Whoever puts jobs and whoever works them imports this file.
import { defineJobs, job } from 'queueup'

export const jobs = defineJobs({
  sendMail: job<{ mail_type: 'welcome' | 'bill'; mail_to: string }>({ retries: 8, timeout: '30s' }),
})
`,
  'handlers.ts': `// Who works them: queueup work
import type { Handlers } from 'queueup'
import { jobs } from './jobs.ts'

export { jobs }

export const handlers: Handlers<typeof jobs> = {
  async sendMail({ args }, { signal, log }) {
    // Hand \`signal\` on to what you call: it fires at the timeout, a cancel, and when the worker stops.
    signal.throwIfAborted()
    log(\`a \${args.mail_type} mail to \${args.mail_to}\`)
  },
}
`,
  'jobs.test.ts': `// node --test
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testQueue } from 'queueup/testing'
import { handlers, jobs } from './handlers.ts'

// The real queue in memory, on a clock that the test moves.
test('a mail is sent', async () => {
  const queue = testQueue(jobs)
  await queue.put('sendMail', { mail_type: 'welcome', mail_to: 'ada@example.com' })
  const { done } = await queue.drain(handlers, { mode: 'fail' })
  assert.equal(done, 1)
  await queue.close()
})
`,
}

export function addInit(program: Command): void {
  program
    .command('init')
    .description('write a jobs file, its handlers and a test to begin with')
    .argument('[folder]', 'where', '.')
    .action(async (folder: string) => {
      await mkdir(folder, { recursive: true })
      const kept: string[] = []
      const ending = (await isCommonJs(resolve(folder))) ? '.mts' : '.ts'
      for (const [name, text] of Object.entries(FILES)) {
        const path = join(folder, name.replace(/\.ts$/, ending))
        if (await write(path, text.replaceAll(/(?<=from '\.\/\w+)\.ts(?=')/g, ending))) print(`wrote ${shown(path)}`)
        else kept.push(path)
      }
      for (const path of kept) print(`kept  ${shown(path)}, which was there`)
      if (kept.length === Object.keys(FILES).length)
        throw new Failed('All of these files were there already; nothing was written.')
      const cd = relative('', folder) === '' ? '' : `cd ${folder} && `
      print('')
      if (!isInstalled(folder)) print(`First:       ${cd}npm install queueup`)
      print(`Work jobs:   ${cd}npx queueup work`)
      print(`Put one:     ${cd}npx queueup put sendMail '{"mail_type":"welcome","mail_to":"ada@example.com"}'`)
      print(`Test it:     ${cd}node --test`)
    })
}

/** @returns false: it is there already */
async function write(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new Failed(`${path} can't be written: ${(error as Error).message}.`)
  }
}

/** Whether Node.js takes a .ts file there for CommonJS, as it does in a package that `npm init` has made. It is asked of the nearest package.json. */
async function isCommonJs(folder: string): Promise<boolean> {
  try {
    const { type } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { type?: unknown }
    return type === 'commonjs'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false
    const above = dirname(folder)
    return above !== folder && isCommonJs(above)
  }
}

/** Whether files in the folder find the package. */
function isInstalled(folder: string): boolean {
  try {
    createRequire(resolve(folder, 'jobs.ts')).resolve('queueup')
    return true
  } catch {
    return false
  }
}
