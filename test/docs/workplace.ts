import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import '../uncoloured.ts'
import { root, type Page } from './pages.ts'

/** A block of code of a page: its language, and the words behind it. */
export interface Block {
  place: string
  language: string
  words: readonly string[]
  code: string
}

export function blocksOf({ path, text }: Page): Block[] {
  return [...text.matchAll(/^```(\w+)(.*)\n([^]*?)^```$/gm)].map(([whole, language = '', words = '', code = '']) => ({
    place: `${path}:${text.slice(0, text.indexOf(whole)).split('\n').length}`,
    language,
    words: words.split(' ').filter(Boolean),
    code,
  }))
}

/** ```ts NAME.ts: a file of this name, which the other blocks of its page find beside them. */
export const fileOf = ({ language, words }: Block): string | undefined =>
  language === 'ts' ? words.find((word) => word.endsWith('.ts')) : undefined

/** What a block must print: its lines `# prints: ...`, or `// prints: ...`. */
export const promised = ({ code }: Block): string[] =>
  [...code.matchAll(/^(?:#|\/\/) prints: (.*)$/gm)].map(([, line = '']) => line)

/**
 * A folder in which a reader of the page has done what it says: its files are there, the package is installed, and its command is on the PATH.
 * To be removed by whoever asked for it.
 */
export function workplace(page: Page): { cwd: string; env: NodeJS.ProcessEnv } {
  const cwd = mkdtempSync(join(tmpdir(), 'queueup-docs-'))
  const bin = join(cwd, '.bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'queueup'),
    `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'src/cli/queueup.ts')}" "$@"\n`,
  )
  chmodSync(join(bin, 'queueup'), 0o755)
  install(cwd)
  for (const block of blocksOf(page)) {
    const file = fileOf(block)
    if (file !== undefined) writeFileSync(join(cwd, file), block.code)
  }
  return { cwd, env: { ...process.env, PATH: [bin, dirname(process.execPath), process.env['PATH']].join(delimiter) } }
}

/** The package as it is imported, from the sources: Node.js strips no types below node_modules, so what is there only passes them on. */
export function install(cwd: string): void {
  const folder = join(cwd, 'node_modules', 'queueup')
  mkdirSync(folder, { recursive: true })
  const faces = { '.': 'src/index.ts', './testing': 'src/testing/index.ts' }
  const exports: Record<string, string> = {}
  for (const [name, source] of Object.entries(faces)) {
    const file = `./${name === '.' ? 'index' : name.slice(2)}.js`
    exports[name] = file
    writeFileSync(join(folder, file), `export * from ${JSON.stringify(pathToFileURL(join(root, source)).href)}\n`)
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'queueup', type: 'module', exports }))
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }\n')
}
