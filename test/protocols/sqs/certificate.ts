import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { Certificate } from '../../../src/protocols/sqs/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'queueup-tls-'))
after(() => rmSync(folder, { recursive: true }))

/** One that signs itself, for 127.0.0.1. It needs openssl. */
export function certificate(name: string): Certificate {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  )
  return { cert: readFileSync(cert), key: readFileSync(key) }
}
