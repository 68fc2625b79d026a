import type { Capabilities } from '../transport.ts'

/** The protocol's numbers are 32 bits wide; times are seconds. */
export const LARGEST = 2 ** 32 - 1

/** What the protocol has words for; docs/transports.md says what it means. */
export const capabilities: Capabilities = {
  delay: LARGEST * 1000,
  atomic: false,
  ttl: false,
  unique: false,
  group: false,
  limits: false,
  cancel: false,
  edit: false,
  results: false,
  attempts: false,
  notes: false,
  look: [],
}
