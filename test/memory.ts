import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Bytes that are in use, after a collection: on the heap alone, or of every kind that this process can tell. */
export function usedMemory(where: 'heap' | 'all' = 'all'): number {
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return where === 'heap' ? heapUsed : heapUsed + external
}
