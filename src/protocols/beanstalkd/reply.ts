/** Replies that have more than a word, as beanstalkd writes them. Pure. */

/** A body that is shorter is written as text with the replies around it; each other one as a piece of its own. */
const SHORT = 1024

/** What is written, in pieces: strings are latin1. */
export type Pieces = readonly (string | Uint8Array)[]

/** `RESERVED` or `FOUND` with its body, byte for byte. */
export function jobReply(
  word: 'RESERVED' | 'FOUND',
  id: number,
  body: Uint8Array,
): readonly [text: string] | readonly [head: string, body: Uint8Array, end: string] {
  const head = `${word} ${id} ${body.length}\r\n`
  return body.length < SHORT ? [`${head}${latin1(body)}\r\n`] : [head, body, '\r\n']
}

/** `OK` with a YAML dictionary: flat, one key a line, as the clients' small parsers want it. */
export function yamlReply(entries: readonly (readonly [string, string | number])[]): string {
  return okReply(entries.map(([key, value]) => `${key}: ${value}\n`).join(''))
}

/** `OK` with a YAML list of tubes, their names unquoted. */
export function listReply(names: readonly string[]): string {
  return okReply(names.map((name) => `- ${name}\n`).join(''))
}

function okReply(yaml: string): string {
  return `OK ${yaml.length + 4}\r\n---\n${yaml}\r\n`
}

function latin1(bytes: Uint8Array): string {
  return (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toString(
    'latin1',
  )
}
