import type { Command } from 'commander'
import type { DeadJobs } from './target.ts'

/** The flags by which commands choose among the jobs of a queue. */
export interface Choice {
  name?: string
  match?: string
}

export function withChoice(command: Command): Command {
  return command
    .option('--name <name>', 'only jobs of this name')
    .option('--match <text>', 'only jobs whose message contains this text')
}

export function chosen(queue: string, { name, match }: Choice): DeadJobs {
  return { queue, ...(name !== undefined && { name }), ...(match !== undefined && { match }) }
}
