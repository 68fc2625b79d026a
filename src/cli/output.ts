import { stripVTControlCharacters, styleText } from 'node:util'
import { isForEver } from '../duration.ts'
import type { Ms } from '../job.ts'

/** Text that came from outside, without what could steer a terminal. Where standard output is no terminal it stays as it is. */
export function shown(text: string, terminal: boolean = process.stdout.isTTY): string {
  return terminal
    ? stripVTControlCharacters(text).replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
    : text
}

/** What steers a terminal, but for line ends, tabs and colours. */
const STEERING = /(\u001b\[\d{1,2}m)|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

function harmless(text: string, terminal: boolean): string {
  return terminal ? text.replaceAll(STEERING, (_, colour?: string) => colour ?? '\ufffd') : text
}

export function print(text: string): void {
  process.stdout.write(harmless(`${text}\n`, process.stdout.isTTY))
}

/** For whoever reads along while standard output goes elsewhere. */
export function remark(text: string): void {
  process.stderr.write(harmless(`${text}\n`, process.stderr.isTTY))
}

/** What couldn't be done, as a sentence. */
export function complain(message: string): void {
  remark(`queueup: ${shown(message, process.stderr.isTTY)}`)
}

/** As much of a line as so many columns take; the colours stay. */
export function cut(line: string, columns: number): string {
  let left = columns
  return line.replaceAll(/(\u001b\[\d{1,2}m)|./gsu, (piece, colour?: string) => (colour || left-- > 0 ? piece : ''))
}

/** Columns: text to the left, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const numbers = head.map((_, column) => rows.some((row) => typeof row[column] === 'number'))
  const all = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all
    .map((row, line) => {
      const text = row
        .map((cell, column) =>
          numbers[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd()
      return line === 0 ? styleText('bold', text) : text
    })
    .join('\n')
}

/** A length of time in the unit that says it best. */
export function ageText(ms: Ms): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** Of a queue; '' where it isn't paused. */
export function pausedText(left: Ms, text: (ms: Ms) => string): string {
  if (left <= 0) return ''
  return isForEver(left) ? 'paused until resumed' : `paused for ${text(left)}`
}
