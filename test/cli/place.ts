import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { install } from '../docs/workplace.ts'
import { queueup, type Answer } from './cli.ts'

/** A folder of somebody who uses the package, gone after the test. */
export class Place {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async make(t: TestContext, files: Readonly<Record<string, string>> = {}): Promise<Place> {
    const place = new Place(await mkdtemp(join(tmpdir(), 'queueup-cli-')))
    t.after(() => rm(place.folder, { recursive: true, force: true, maxRetries: 5 }))
    install(place.folder)
    for (const [name, text] of Object.entries(files)) await place.write(name, text)
    return place
  }

  write(name: string, text: string): Promise<void> {
    return writeFile(join(this.folder, name), text)
  }

  run(...args: readonly string[]): Promise<Answer> {
    return queueup(this.folder, args)
  }

  /** What it prints as JSON. */
  async json<T>(...args: readonly string[]): Promise<T> {
    const { code, out, error } = await this.run(...args, '--json')
    if (code !== 0) throw new Error(`queueup ${args.join(' ')} ended with ${code}: ${error}`)
    return JSON.parse(out) as T
  }
}
