/** A worker in a process of its own, on a server: node beanstalkd-child.ts URL */
import { open } from '../../src/index.ts'
import { jobs } from './beanstalkd-jobs.ts'

const queue = await open(process.argv[2] as string, { jobs })
queue.work({
  mail: async () => {
    process.send?.('begun')
    await new Promise(() => undefined)
  },
})
