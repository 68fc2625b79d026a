/** Replies that have more than a word, as beanstalkd writes them. Pure. */

/** `RESERVED` or `FOUND` with its body, byte for byte, as a string of latin1. */
export function jobReply(word: 'RESERVED' | 'FOUND', id: number, body: Uint8Array): string {
  return `${word} ${id} ${body.length}\r\n${latin1(body)}\r\n`
}

/** The same without the body and what follows it. */
export function jobHead(word: 'RESERVED' | 'FOUND', id: number, body: Uint8Array): string {
  return `${word} ${id} ${body.length}\r\n`
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
