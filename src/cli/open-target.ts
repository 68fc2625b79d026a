import { isServer, openStore } from '../registry.ts'
import { BeanstalkdClient, parseAddress } from '../transports/beanstalkd/index.ts'
import { ServerTarget } from './server-target.ts'
import { StoreTarget } from './store-target.ts'
import type { Target } from './target.ts'

/** @param url a store's URL or path, or `beanstalkd://host:port` */
export async function openTarget(url: string): Promise<Target> {
  if (isServer(url)) return new ServerTarget(await BeanstalkdClient.connect(parseAddress(url)), url)
  return new StoreTarget(await openStore(url))
}
