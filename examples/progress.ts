// A page that shows how far a job is: server-sent events, from whichever process works it.
// In your own program: import { ... } from 'queueup'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ report: job<{ year: number }>() })
const queue = await open('file:jobs.db', { jobs })

// One follower for all pages. In the page: new EventSource('/jobs/1').onmessage = (event) => bar.value = event.data
const pages = new Map<string, ServerResponse>()
const events = await queue.follow()
const following = (async () => {
  for await (const event of events) {
    if (event.type !== 'progress' && event.type !== 'done') continue
    pages.get(event.id)?.write(`data: ${event.type === 'progress' ? JSON.stringify(event.progress) : 'done'}\n\n`)
    if (event.type === 'done') pages.get(event.id)?.end()
  }
})()
const server = createServer((request, response) => {
  pages.set(request.url?.split('/').pop() ?? '', response)
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
}).listen(0, '127.0.0.1')
await once(server, 'listening')

const { id } = await queue.put('report', { year: 2026 })
const page = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jobs/${id}`)

queue.work({
  report(_, { progress }) {
    for (const part of [0.25, 0.5, 1]) progress(part)
  },
})
console.log((await page.text()).trim().replaceAll('\n\n', '\n'))

await events.close()
await following
server.close()
await queue.close()

// Prints:
// data: 0.25
// data: 0.5
// data: 1
// data: done
