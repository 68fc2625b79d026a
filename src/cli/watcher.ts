import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { systemClock } from '../clock.ts'
import type { Ms } from '../job.ts'

/** An editor writes a file in several steps. */
const SETTLE: Ms = 100

/** Tells of changes of files. Their folders are watched, since many editors put a new file into the place of the old one. */
export class Watcher {
  readonly #changed: (file: string) => void
  readonly #folders = new Map<string, { watcher: FSWatcher; files: Set<string> }>()
  #callOff: (() => void) | undefined

  constructor(changed: (file: string) => void) {
    this.#changed = changed
  }

  add(file: string): void {
    const path = dirname(file)
    let folder = this.#folders.get(path)
    if (!folder) {
      const files = new Set<string>()
      const watcher = watch(path, (_, name) => {
        if (name !== null && files.has(name)) this.#settle(join(path, name))
      })
      this.#folders.set(path, (folder = { watcher, files }))
    }
    folder.files.add(basename(file))
  }

  #settle(file: string): void {
    this.#callOff?.()
    this.#callOff = systemClock.after(SETTLE, () => this.#changed(file))
  }

  close(): void {
    this.#callOff?.()
    for (const { watcher } of this.#folders.values()) watcher.close()
  }
}
