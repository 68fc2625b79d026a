#!/usr/bin/env node
// Plain JavaScript that any Node.js of the last years reads, so that an old one gets a sentence instead of a syntax error.
import process from 'node:process'

const [major = 0, minor = 0, patch = 0] = process.versions.node.split('.').map(Number)
const newEnough =
  (major === 22 && (minor > 22 || (minor === 22 && patch >= 3))) ||
  (major === 24 && minor >= 15) ||
  (major === 25 && minor >= 9) ||
  major > 25

// Node.js 22 calls its SQLite experimental at each start; what we use of it is tested there.
const { emitWarning } = process
process.emitWarning = (warning, ...rest) => {
  if (!String(warning).startsWith('SQLite is an experimental')) emitWarning.call(process, warning, ...rest)
}

if (newEnough) import('../dist/cli/queueup.js')
else {
  console.error(
    `queueup needs Node.js 22.22.3 or later of 22, 24.15 or later of 24, or 25.9 or later; this is ${process.version}.`,
  )
  process.exitCode = 1
}
