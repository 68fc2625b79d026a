import assert from 'node:assert/strict'
import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { pages, prose, root, type Page } from './pages.ts'

for (const page of pages) {
  test(`what ${page.path} links to is there`, () => {
    for (const [, target = ''] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page.path : join(dirname(page.path), file)
      assert.ok(existsSync(join(root, path)), `${target} isn't there`)
      if (anchor !== undefined) {
        const linked = pages.find((other) => other.path === path)
        assert.ok(linked && anchors(linked).has(anchor), `${target}: ${path} has no such heading`)
      }
    }
  })

  test(`the files that ${page.path} names are there`, () => {
    for (const [, path = ''] of prose(page).matchAll(
      /`((?:src|test|docs|scripts|examples|bench|tools|\.ci)\/[^`\s]*)`/g,
    )) {
      // `test/{crash,model}/`, `src/stores/*`; `src/stores/NAME/` is what a reader is to make.
      if (/[A-Z]{3,}/.test(path)) continue
      assert.ok(globSync(path, { cwd: root }).length > 0, `${path} isn't there`)
    }
  })
}

/** As the usual readers of Markdown make them. */
function anchors({ text }: Page): Set<string> {
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
