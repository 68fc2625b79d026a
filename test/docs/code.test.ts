import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import ts from 'typescript'
import { pages, root } from './pages.ts'
import { blocksOf, fileOf } from './workplace.ts'

/** Within the project, so that the packages it has are found. */
const folder = mkdtempSync(join(root, 'test/docs/code-'))
after(() => rmSync(folder, { recursive: true }))

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2024.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  erasableSyntaxOnly: true,
  paths: {
    queueup: [join(root, 'src/index.ts')],
    'queueup/testing': [join(root, 'src/testing/index.ts')],
  },
}

test('the TypeScript of the documentation compiles', () => {
  const files: string[] = []
  for (const page of pages) {
    const own = join(folder, page.path.replaceAll(/\W/g, '-'))
    mkdirSync(own)
    writeFileSync(join(own, 'package.json'), '{ "type": "module" }')
    for (const block of blocksOf(page)) {
      const file = fileOf(block)
      if (file === undefined) continue
      files.push(join(own, file))
      writeFileSync(join(own, file), block.code)
    }
  }
  assert.ok(files.length > 0)
  const found = ts.getPreEmitDiagnostics(ts.createProgram(files, options))
  const own = found.filter(({ file }) => file?.fileName.startsWith(folder))
  const host = {
    getCurrentDirectory: () => folder,
    getCanonicalFileName: (name: string) => name,
    getNewLine: () => '\n',
  }
  assert.equal(ts.formatDiagnostics(own, host), '')
})
