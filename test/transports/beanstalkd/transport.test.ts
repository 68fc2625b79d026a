import { openBeanstalkd } from '../../../src/transports/beanstalkd/index.ts'
import { transportContract } from '../../contract/transport-contract.ts'
import { realBeanstalkd, type Peer } from '../../interop/peer.ts'
import { queueup } from '../../interop/servers.ts'
import { needs } from '../../needs.ts'

/** Both keep jobs of 65,535 bytes unless told otherwise. */
const MAX_BODY = 65_535

function contract(name: string, start: () => Promise<Peer>): void {
  transportContract({
    name: `beanstalkd: to ${name}`,
    maxBody: MAX_BODY,
    async serve() {
      const peer = await start()
      return {
        open: () => openBeanstalkd(`beanstalkd://127.0.0.1:${peer.port}`),
        shares: true,
        close: () => peer.stop(),
      }
    },
  })
}

contract('our own server', queueup)
if (needs('beanstalkd')) contract('beanstalkd', realBeanstalkd)
