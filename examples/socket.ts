// beanstalkd's protocol spoken by hand: lines of text over a socket, as in any language.
// Needs a server: npm start. Usage: node examples/socket.ts [PORT]
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const socket = connect(Number(process.argv[2] ?? 11_300), '127.0.0.1')
await once(socket, 'connect')
const lines = createInterface({ input: socket, crlfDelay: Infinity })[Symbol.asyncIterator]()

async function ask(command: string): Promise<string> {
  socket.write(`${command}\r\n`)
  return String((await lines.next()).value)
}

await ask('use greetings')
await ask('watch greetings')
// put <priority> <delay> <seconds to run> <bytes>, then the body. The answer comes when the job is on disk.
const inserted = await ask('put 0 0 60 5\r\nhello')
const [, id] = inserted.split(' ')
console.log(inserted === `INSERTED ${id}` ? 'put' : inserted)

const reserved = await ask('reserve-with-timeout 5')
console.log(reserved === `RESERVED ${id} 5` ? 'reserved' : reserved)
console.log(String((await lines.next()).value))
console.log(await ask(`delete ${id}`))
socket.end('quit\r\n')

// Prints:
// put
// reserved
// hello
// DELETED
