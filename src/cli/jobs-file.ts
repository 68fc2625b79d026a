/** The user's own module: what jobs there are, and who works them. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidArgumentError } from '../errors.ts'
import type { Handlers, WorkMiddleware } from '../jobs/context.ts'
import { defineJobs, type Jobs } from '../jobs/definition.ts'
import { Discard } from '../jobs/verdict.ts'
import { Failed } from './store-flag.ts'

export interface JobsFile {
  path: string
  jobs: Jobs
}
export interface HandlersFile extends JobsFile {
  handlers: Handlers<Jobs>
  /** Around each attempt. */
  use: readonly WorkMiddleware[]
  /** Called when the last attempt has ended: to close what the handlers have open. */
  close?: () => unknown
}

const ENDINGS = ['.ts', '.mts', '.js', '.mjs']

/**
 * @param named default: `jobs.ts`, or with another ending, then `handlers.ts`, in the current folder
 * @throws InvalidArgumentError, Failed
 */
export async function loadJobs(named: string | undefined): Promise<JobsFile> {
  const path = pathOf(named, ['jobs', 'handlers'])
  return { path, jobs: jobsOf(await load(path), path) }
}

/**
 * @param named default: `handlers.ts`, or with another ending, then `jobs.ts`, in the current folder
 * @throws InvalidArgumentError there is none
 */
export function handlersPath(named: string | undefined): string {
  return pathOf(named, ['handlers', 'jobs'])
}

/**
 * @param named as for `handlersPath`
 * @throws InvalidArgumentError, Failed
 */
export async function loadHandlers(named: string | undefined): Promise<HandlersFile> {
  const path = handlersPath(named)
  const module = await load(path)
  const jobs = jobsOf(module, path)
  const { handlers, use = [], close } = module
  if (typeof handlers !== 'object' || handlers === null)
    throw new InvalidArgumentError(
      `${path} exports no 'handlers'. Add "export const handlers: Handlers<typeof jobs> = { async NAME(job, ctx) { ... } }", or name the file that has them; "queueup init" writes one.`,
    )
  if (!Array.isArray(use) || !use.every((one) => typeof one === 'function'))
    throw new InvalidArgumentError(`${path} exports a 'use' that is no list of functions.`)
  if (close !== undefined && typeof close !== 'function')
    throw new InvalidArgumentError(`${path} exports a 'close' that is no function.`)
  await checkCopy(path)
  return {
    path,
    jobs,
    handlers,
    use: use as WorkMiddleware[],
    ...(close !== undefined && { close: close as () => unknown }),
  }
}

function pathOf(named: string | undefined, defaults: readonly string[]): string {
  if (named === undefined) {
    const found = defaults.flatMap((name) => ENDINGS.map((ending) => resolve(name + ending))).find(existsSync)
    if (found !== undefined) return found
    throw new InvalidArgumentError(
      `There is no ${defaults[0]}.ts in this folder. Name the file that declares your jobs, or let "queueup init" write one.`,
    )
  }
  const path = resolve(named)
  if (!existsSync(path))
    throw new InvalidArgumentError(`There is no file ${path}. "queueup init" writes one to begin with.`)
  return path
}

async function load(path: string): Promise<Record<string, unknown>> {
  const typed = ['.ts', '.mts', '.cts'].includes(extname(path))
  if (typed && !process.features.typescript)
    throw new InvalidArgumentError(
      `${path} is TypeScript, which this Node.js (${process.version}) does not run as it is. Take Node.js 22.18 or later without --no-experimental-strip-types, or name the JavaScript that it was compiled to.`,
    )
  try {
    const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>
    // Of CommonJS, Node.js finds only those names that it can read off the text; all of them are in `module.exports`, which is the default.
    return typeof module['default'] === 'object' ? { ...module['default'], ...module } : module
  } catch (error) {
    throw new Failed(`${path} can't be loaded${hint(error)}:\n${error instanceof Error ? error.stack : String(error)}`)
  }
}

/** What Node.js says in code, in words. */
function hint(error: unknown): string {
  if (error instanceof SyntaxError && /import statement outside a module|Unexpected token 'export'/.test(error.message))
    return ': it is written as a module, and the nearest package.json says "type": "commonjs". Say "type": "module" there, or call the file .mts (.mjs)'
  switch ((error as { code?: unknown } | null)?.code) {
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return ': Node.js only takes types out, so enum, namespace and parameter properties need a compiled file'
    case 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING':
      return ': Node.js runs no TypeScript below node_modules'
    default:
      return ''
  }
}

function jobsOf({ jobs }: Record<string, unknown>, path: string): Jobs {
  if (typeof jobs !== 'object' || jobs === null)
    throw new InvalidArgumentError(
      `${path} exports no 'jobs'. Add "export const jobs = defineJobs({ ... })", or "export { jobs } from './jobs.ts'"; "queueup init" writes an example.`,
    )
  for (const [name, one] of Object.entries(jobs as Record<string, unknown>))
    if (typeof one !== 'object' || one === null || !('options' in one))
      throw new InvalidArgumentError(`'${name}' in the jobs of ${path} is no definition; make it with job(...).`)
  return defineJobs(jobs as Jobs)
}

/** What its handlers throw must be what the worker knows: of two copies of the package, a Discard of one is any error to the other. */
async function checkCopy(path: string): Promise<void> {
  let theirs: string
  try {
    theirs = createRequire(path).resolve('queueup')
  } catch {
    return
  }
  const module = (await import(pathToFileURL(theirs).href)) as { Discard?: unknown }
  if (module.Discard !== Discard)
    throw new InvalidArgumentError(
      `${path} uses the copy of queueup at ${theirs}, and this command is of another one. Run it by "npx queueup" in the folder of your package.`,
    )
}
