/** How SQS is served: whether a key is asked for, with which certificate, and where. */
import { readFileSync, statSync } from 'node:fs'
import { Access, SECRET_KEY } from '../access/index.ts'
import type { Broker } from '../broker/broker.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Log } from '../log.ts'
import { askForKeys, SqsServer, type Certificate, type SqsOptions } from '../protocols/sqs/index.ts'
import { isLoopback, listenText, type Port } from '../protocols/address.ts'

export type Auth = 'on' | 'off'

/** Files in PEM. */
export interface CertificateFiles {
  cert: string
  key: string
}

export interface SqsSettings extends Pick<SqsOptions, 'account' | 'url'> {
  listen: readonly Port[]
  region: string
  /** Default: off where only this machine reaches it, on elsewhere. */
  auth: Auth | undefined
  tls: CertificateFiles | undefined
  /** The file that keys are kept in. */
  file: string | undefined
}

/** Nobody asked for it. */
export const NO_SQS: SqsSettings = {
  listen: [],
  region: 'us-east-1',
  auth: undefined,
  tls: undefined,
  file: undefined,
}

/** @throws InvalidArgumentError, SecretKeyError */
export async function createSqs(broker: Broker, settings: SqsSettings, log: Log): Promise<SqsServer> {
  const { listen, auth: _, tls, file, region, ...options } = settings
  const asks = listen.length > 0 && authOf(settings) === 'on'
  const access = asks ? await openAccess(broker, file, log) : undefined
  const server = new SqsServer({
    broker,
    region,
    ...options,
    ...(tls && { tls: readCertificate(tls) }),
    ...(access && askForKeys(access, region)),
    onError: (error) => log.error({ err: error }, 'a request failed'),
  })
  if (tls && listen.length > 0) renewAtHangup(server, tls, log)
  return server
}

export async function listenSqs(server: SqsServer, { listen }: SqsSettings): Promise<Port[]> {
  const addresses: Port[] = []
  for (const at of listen) addresses.push(await server.listen(at))
  return addresses
}

/** Says where it listens, and what to know of that. */
export function tellOfSqs(addresses: readonly Port[], settings: SqsSettings, log: Log): void {
  const auth = authOf(settings)
  for (const at of addresses) {
    const address = listenText(at)
    log.info({ protocol: 'sqs', address, auth, tls: settings.tls !== undefined }, 'listening')
    if (isLoopback(at)) continue
    if (auth === 'off')
      log.warn(
        { address },
        'other machines can reach this address, and nobody is asked for a key: let a firewall say who may',
      )
    else if (!settings.tls)
      log.warn(
        { address },
        'other machines can reach this address, and messages are sent in the clear: give a certificate with --sqs-tls-cert',
      )
  }
}

export function authOf({ listen, auth }: Pick<SqsSettings, 'listen' | 'auth'>): Auth {
  return auth ?? (listen.every(isLoopback) ? 'off' : 'on')
}

async function openAccess(broker: Broker, file: string | undefined, log: Log): Promise<Access> {
  const access = await Access.open(broker.records, process.env[SECRET_KEY], (error) =>
    log.error({ err: error }, 'access keys are refused'),
  )
  if (access.empty) log.warn('nobody has an access key yet: make one with "queueup user add"')
  if (file !== undefined && process.platform !== 'win32') {
    const mode = statSync(file).mode & 0o777
    if ((mode & 0o077) !== 0)
      log.warn({ file, mode: mode.toString(8) }, 'others can read the file that the access keys are in: chmod 600 it')
  }
  return access
}

/** @throws InvalidArgumentError */
export function readCertificate({ cert, key }: CertificateFiles): Certificate {
  try {
    return { cert: readFileSync(cert), key: readFileSync(key) }
  } catch (error) {
    throw new InvalidArgumentError(`The certificate for SQS can't be read: ${(error as Error).message}.`, {
      cause: error,
    })
  }
}

/** A certificate that was renewed is taken over at SIGHUP, and nobody's connection ends by it. */
function renewAtHangup(server: SqsServer, tls: CertificateFiles, log: Log): void {
  process.on('SIGHUP', () => {
    try {
      server.renew(readCertificate(tls))
      log.info({ certificate: tls.cert }, 'took the certificate anew')
    } catch (error) {
      log.error({ err: error }, 'the certificate stays as it was')
    }
  })
}
