import { stripVTControlCharacters } from 'node:util'

/** Text that came from outside, without what could steer a terminal. Where standard output is no terminal it stays as it is. */
export function shown(text: string, terminal: boolean = process.stdout.isTTY): string {
  return terminal
    ? stripVTControlCharacters(text).replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
    : text
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** For whoever reads along while standard output goes elsewhere. */
export function remark(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function colour(text: string, code: 'bold' | 'dim' | 'red'): string {
  if (!process.stdout.isTTY || process.env['NO_COLOR']) return text
  const [on, off] = { bold: [1, 22], dim: [2, 22], red: [31, 39] }[code] as [number, number]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

/** Columns: the first to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const all = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all
    .map((row, line) => {
      const text = row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd()
      return line === 0 ? colour(text, 'bold') : text
    })
    .join('\n')
}
