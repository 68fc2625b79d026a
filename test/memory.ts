import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Bytes that are in use, after a collection: on the heap alone, or of every kind that this process can tell. */
export function usedMemory(where: 'heap' | 'all' = 'all'): number {
  // What a collection frees of buffers is swept beside the program; the next one waits for that.
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return where === 'heap' ? heapUsed : heapUsed + external
}
