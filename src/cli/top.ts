import { emitKeypressEvents } from 'node:readline'
import { styleText } from 'node:util'
import type { Command } from 'commander'
import { toMs, type Duration } from '../duration.ts'
import type { Ms } from '../job.ts'
import { ageText, cut, pausedText, print, shown, table } from './output.ts'
import { onTarget, withStore, type StoreFlag } from './store-flag.ts'
import type { QueueCounts, Target } from './target.ts'

interface Flags extends StoreFlag {
  every: string
  json?: boolean
}

interface Sample {
  at: Ms
  queues: QueueCounts[]
}
/** Of one queue, with how fast jobs come and go. */
interface Line extends QueueCounts {
  inRate: number
  outRate: number
}

/** A screen of our own, without a cursor, on which characters twice as wide as they count don't begin another row. */
const SCREEN = {
  enter: '\u001b[?1049h\u001b[?25l\u001b[?7l',
  home: '\u001b[H',
  clearRow: '\u001b[K',
  clearRest: '\u001b[J',
  leave: '\u001b[?7h\u001b[?25h\u001b[?1049l',
}

export function addTop(program: Command): void {
  withStore(program.command('top'))
    .description('watch the queues: how full, how fast, how old; q ends it')
    .option('--every <time>', 'how often', '1s')
    .option('--json', 'one look, as JSON; without a terminal it is one look, too')
    .action((flags: Flags) => {
      const every = Math.max(100, toMs(flags.every as Duration, '--every'))
      return onTarget(flags, (target) =>
        !flags.json && process.stdout.isTTY ? watch(target, every) : look(target, every, flags.json === true),
      )
    })
}

async function look(target: Target, every: Ms, json: boolean): Promise<void> {
  const before = await sample(target)
  await new Promise((resolve) => setTimeout(resolve, every))
  const lines = linesOf(before, await sample(target))
  print(json ? JSON.stringify(lines) : tableOf(lines))
}

async function watch(target: Target, every: Ms): Promise<void> {
  let now = await sample(target)
  let before = now
  const repaint = (): void => paint(before, now)
  const keys = new Keys()
  process.stdout.write(SCREEN.enter)
  process.stdout.on('resize', repaint)
  try {
    repaint()
    while (!keys.quit) {
      await keys.within(every)
      before = now
      now = await sample(target)
      repaint()
    }
  } finally {
    process.stdout.removeListener('resize', repaint)
    process.stdout.write(SCREEN.leave)
    keys.close()
  }
}

/** A row is emptied before it is written: behind one that reaches the edge, the cursor stands on its last character. */
function paint(before: Sample, now: Sample): void {
  const title = styleText('dim', `queueup top  ${new Date(now.at).toISOString().slice(11, 19)}  q quits`)
  const { rows: height = 25, columns: width = 80 } = process.stdout
  const rows = [title, '', ...tableOf(linesOf(before, now)).split('\n')].slice(0, height - 1)
  const text = rows.map((row) => `${SCREEN.clearRow}${cut(row, width)}\n`).join('')
  process.stdout.write(SCREEN.home + text + SCREEN.clearRest)
}

/** q, Escape and Ctrl+C end it. */
class Keys {
  quit = false
  #wake: () => void = () => undefined

  constructor() {
    process.once('SIGTERM', this.#end).once('SIGINT', this.#end)
    if (!process.stdin.isTTY) return
    emitKeypressEvents(process.stdin)
    process.stdin.setRawMode(true).on('keypress', this.#pressed).resume()
  }

  readonly #end = (): void => {
    this.quit = true
    this.#wake()
  }

  readonly #pressed = (_: string | undefined, key: { name?: string; ctrl?: boolean }): void => {
    if (key.name === 'q' || key.name === 'escape' || (key.ctrl === true && key.name === 'c')) this.#end()
  }

  async within(ms: Ms): Promise<void> {
    if (this.quit) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  close(): void {
    process.removeListener('SIGTERM', this.#end).removeListener('SIGINT', this.#end)
    if (process.stdin.isTTY) process.stdin.setRawMode(false).removeListener('keypress', this.#pressed).pause()
  }
}

async function sample(target: Target): Promise<Sample> {
  return { queues: await target.stats(), at: Date.now() }
}

function linesOf(before: Sample, now: Sample): Line[] {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000)
  const earlier = new Map(before.queues.map((one) => [one.queue, one]))
  return now.queues
    .map((one) => {
      const then = earlier.get(one.queue)
      const rate = (of: (counts: QueueCounts) => number) =>
        Math.max(0, Math.round((of(one) - (then ? of(then) : 0)) / seconds))
      return { ...one, inRate: rate((counts) => counts.puts), outRate: rate(goneOf) }
    })
    .sort((a, b) => a.queue.localeCompare(b.queue))
}

/** A server's protocol doesn't count what left; it is what came, less what is there. */
function goneOf({ gone, puts, ready, delayed, reserved, buried }: QueueCounts): number {
  return gone ?? puts - ready - delayed - reserved - buried
}

function tableOf(lines: readonly Line[]): string {
  if (lines.length === 0) return 'There are no queues yet.'
  return table(
    ['QUEUE', 'READY', 'RESERVED', 'DELAYED', 'BURIED', 'IN/S', 'OUT/S', 'OLDEST', ''],
    lines.map(({ queue, ready, reserved, delayed, buried, inRate, outRate, oldest, pausedFor }) => [
      shown(queue),
      ready,
      reserved,
      delayed,
      buried,
      inRate,
      outRate,
      oldest === undefined ? '' : ageText(oldest),
      pausedText(pausedFor, ageText),
    ]),
  )
}
