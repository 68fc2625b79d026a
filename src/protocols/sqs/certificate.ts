import { createSecureContext } from 'node:tls'
import { InvalidArgumentError } from '../../errors.ts'

/** A certificate, with those between it and its root behind it, and its private key: in PEM. */
export interface Certificate {
  cert: string | Buffer
  key: string | Buffer
}

/** @throws InvalidArgumentError */
export function checkCertificate(tls: Certificate): void {
  try {
    createSecureContext({ ...tls })
  } catch (error) {
    throw new InvalidArgumentError(
      `The certificate and its key can't be used for TLS: ${(error as Error).message}. Give both in PEM, made for each other.`,
      { cause: error },
    )
  }
}
