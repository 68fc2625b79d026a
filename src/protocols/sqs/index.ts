export type { Timeouts } from './limits.ts'
export { SqsServer, type Certificate, type SqsOptions } from './server.ts'
export { askForKeys, Signatures, type SignedRequest } from './signature.ts'
