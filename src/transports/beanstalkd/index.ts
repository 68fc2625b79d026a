import type { Transport } from '../transport.ts'
import { parseAddress } from './address.ts'
import { BeanstalkdTransport } from './transport.ts'

/**
 * Opens a server's queues.
 * @param url `beanstalkd://HOST:PORT`, or `beanstalkd:///run/queueup.sock`
 * @throws InvalidArgumentError
 * @throws ConnectionError no server answers there
 */
export function openBeanstalkd(url: string): Promise<Transport> {
  return BeanstalkdTransport.open(parseAddress(url))
}

export { parseAddress, type Address } from './address.ts'
export { BeanstalkdClient, type BeanstalkdJob } from './client.ts'
export { BeanstalkdTransport } from './transport.ts'
export { whyOf } from './view.ts'
