/** fauxqs in memory: node fauxqs.mjs PORT. Its own program writes a line of log for each request, which can't be switched off. */
import { startFauxqs } from 'fauxqs'

await startFauxqs({ port: Number(process.argv[2]), logger: false })
