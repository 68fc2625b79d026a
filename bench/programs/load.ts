/** A load on servers of beanstalkd's protocol: node load.ts ORDER, where ORDER is a LoadOrder in JSON. Its last line is a LoadFigures in JSON. */
import { Client } from './client.ts'
import { between, meter, read, type LoadFigures, type LoadOrder } from './meter.ts'

const order = JSON.parse(process.argv[2] ?? '') as LoadOrder
const fail = (error: Error): never => {
  console.error(error)
  process.exit(1)
}

if (order.backlog) {
  const client = await Client.open(order.ports[0] as number, 1000, fail)
  await client.backlog(order.backlog)
  client.close()
}
const clients = await Promise.all(
  Array.from({ length: order.connections }, (_, i) =>
    Client.open(order.ports[i % order.ports.length] as number, order.inFlight, fail),
  ),
)
const done = () => clients.reduce((sum, client) => sum + client.jobs, 0)
let figures: LoadFigures
if (order.jobs === undefined) {
  for (const client of clients) client.start()
  figures = await meter(order, order.pids, done)
  await Promise.all(clients.map((client) => client.stop()))
} else {
  const each = Math.ceil(order.jobs / clients.length)
  const before = read(order.pids, done())
  await Promise.all(clients.map((client) => client.run(each)))
  figures = between(before, read(order.pids, done()))
}
for (const client of clients) client.close()

console.log(JSON.stringify(figures))
