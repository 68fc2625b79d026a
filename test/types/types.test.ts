/** The types as they are published, with the oldest compiler that is supported. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../docs/pages.ts'

const STRICT = [
  '--strict',
  '--exactOptionalPropertyTypes',
  '--noUncheckedIndexedAccess',
  '--noPropertyAccessFromIndexSignature',
]

test('what is published compiles, can be named, and refuses what it must, with TypeScript 5.8', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'queueup-types-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const modules = join(root, 'node_modules')
  const published = join(folder, 'node_modules/queueup')
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
  mkdirSync(published)
  for (const name of ['zod', '@types/node', 'undici-types'])
    symlinkSync(join(modules, name), join(folder, 'node_modules', name))
  symlinkSync(join(root, 'package.json'), join(published, 'package.json'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  for (const name of ['jobs.ts', 'declared.ts']) {
    const source = readFileSync(join(import.meta.dirname, name), 'utf8')
    const used = source
      .replace('../../src/testing/index.ts', 'queueup/testing')
      .replace('../../src/index.ts', 'queueup')
    writeFileSync(join(folder, name), used)
  }

  compile('typescript', [
    '-p',
    join(root, 'tsconfig.build.json'),
    '--outDir',
    join(published, 'dist'),
    '--sourceMap',
    'false',
    '--inlineSources',
    'false',
  ])
  const types = [
    '--noEmit',
    '--declaration',
    '--target',
    'es2023',
    '--lib',
    'es2024',
    '--module',
    'nodenext',
    '--types',
    'node',
    ...STRICT,
  ]
  compile('typescript-5.8', [...types, 'jobs.ts', 'declared.ts'])

  function compile(compiler: string, args: string[]): void {
    const { status, stdout } = spawnSync(process.execPath, [join(modules, compiler, 'bin/tsc'), ...args], {
      cwd: folder,
      encoding: 'utf8',
    })
    assert.equal(status, 0, `${compiler}:\n${stdout}`)
  }
})
