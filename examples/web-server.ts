// A web server that answers as soon as the job is on disk, and mails later: the visitor waits for no mail server.
// In your own program: import { ... } from 'queueup'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ sendMail: job<{ mail_type: 'welcome'; mail_to: string }>() })
const queue = await open('file:jobs.db', { jobs })

const server = createServer((request, response) => {
  const mail_to = new URL(request.url ?? '', 'http://x').searchParams.get('mail_to') ?? ''
  queue.put('sendMail', { mail_type: 'welcome', mail_to }).then(
    ({ id }) => response.writeHead(202, { location: `/jobs/${id}` }).end('Welcome! A mail is on its way.'),
    // Nothing was put: the visitor may try again.
    () => response.writeHead(503).end('Please try again in a moment.'),
  )
}).listen(0, '127.0.0.1')
await once(server, 'listening')

// Mostly in a process of its own, which opens the same file: queueup work handlers.ts --store file:jobs.db
queue.work({
  async sendMail({ args }) {
    await sleep(500)
    console.log(`mail to ${args.mail_to}`)
  },
})

const { port } = server.address() as AddressInfo
const answer = await fetch(`http://127.0.0.1:${port}/register?mail_to=ada@example.com`)
console.log(answer.status, answer.headers.get('location'), await answer.text())

await queue.drained('sendMail')
server.close()
await queue.close()

// Prints:
// 202 /jobs/1 Welcome! A mail is on its way.
// mail to ada@example.com
