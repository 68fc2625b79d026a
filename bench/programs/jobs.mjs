/**
 * One measurement of a jobs library: node jobs.mjs ORDER, in JSON: { peer, at, workload, jobs, ms, concurrency }. Its last line is the figures in JSON.
 * A peer is `../peers/NAME.mjs`: `openPeer(at)` answers put, putMany, work, stop and close. Plain JavaScript, so that a peer whose native part was built for
 * another Node.js can run on that one.
 */
const { peer: name, at, workload, jobs, ms, concurrency } = JSON.parse(process.argv[2])
const { openPeer } = await import(`../peers/${name}.mjs`)
const peer = await openPeer(at)
const SETTLE = 3000
const args = (n) => ({ mail_type: 'welcome', mail_to: 'someone@example.com', n })

const workloads = {
  /** W1: one call after another. W2: so many at a time. */
  async put() {
    await puts(500, concurrency)
    const start = performance.now()
    const count = await puts(ms, concurrency)
    return { perSecond: (count / (performance.now() - start)) * 1000 }
  },

  /** W3. */
  async bulk() {
    await fill(5000)
    const start = performance.now()
    await fill(jobs)
    return { perSecond: (jobs / (performance.now() - start)) * 1000 }
  },

  /** W4; W6 with a backlog that stays. */
  async drain() {
    await fill(jobs + (at.backlog ?? 0))
    let left = jobs
    const { promise, resolve } = Promise.withResolvers?.() ?? withResolvers()
    const start = performance.now()
    await peer.work(concurrency, () => {
      if (--left === 0) resolve(performance.now())
    })
    const end = await promise
    await peer.stop()
    return { perSecond: (jobs / (end - start)) * 1000, rss: process.memoryUsage().rss }
  },

  /** W5: a hundred a second, from the put to the start of the handler; then, after a while, the processor time of idleness. */
  async latency() {
    const times = []
    const { promise, resolve } = Promise.withResolvers?.() ?? withResolvers()
    await peer.work(concurrency, ({ n }) => {
      times.push(performance.now() - n)
      if (times.length === jobs) resolve()
    })
    for (let i = 0; i < jobs; i++) {
      peer.put(args(performance.now())).catch((error) => console.error(error.message))
      await new Promise((next) => setTimeout(next, 10))
    }
    await promise
    // What follows the last job is no idleness yet: its end, the upkeep of files, what a garbage collector puts off.
    await new Promise((next) => setTimeout(next, SETTLE))
    const before = process.cpuUsage()
    await new Promise((next) => setTimeout(next, ms))
    const { user, system } = process.cpuUsage(before)
    await peer.stop()
    times.splice(0, Math.floor(jobs / 5))
    times.sort((a, b) => a - b)
    const quantile = (q) => times[Math.floor((times.length - 1) * q)]
    return { p50: quantile(0.5), p99: quantile(0.99), idle: (user + system) / 1000 / ms }
  },
}

async function puts(ms, callers) {
  const end = performance.now() + ms
  let count = 0
  const caller = async () => {
    while (performance.now() < end) {
      await peer.put(args(count))
      count++
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return count
}

async function fill(count) {
  for (let i = 0; i < count; i += 1000)
    await peer.putMany(Array.from({ length: Math.min(1000, count - i) }, (_, n) => args(i + n)))
}

function withResolvers() {
  let resolve
  const promise = new Promise((done) => (resolve = done))
  return { promise, resolve }
}

const figures = await workloads[workload]()
await peer.close()
console.log(JSON.stringify(figures))
process.exit(0)
