import type { Command } from 'commander'
import { NEEDS, SECRET_KEY, Users, type MadeKey, type UserView } from '../access/index.ts'
import { InvalidArgumentError } from '../errors.ts'
import { isServer, openStore } from '../registry.ts'
import type { Store } from '../stores/store.ts'
import { print, remark, shown, table } from './output.ts'
import { Failed, leave } from './store-flag.ts'

interface Flags {
  store?: string
  json?: boolean
}
interface KeyFlags extends Flags {
  keyId?: string
  secretStdin?: boolean
}

/** A secret of one's own in the environment; on the command line every user of the machine could read it. */
const OWN_SECRET = 'QUEUEUP_USER_SECRET'

const LONGEST_INPUT = 1024

export function addUser(program: Command): void {
  const user = program.command('user').description('manage who may do what over SQS: users and their access keys')
  const permission = `what and where, such as write:mail-* (${NEEDS.join(', ')} or all, a colon, a pattern of queue names)`

  withKey(user.command('add'))
    .description('add a user with a first access key, whose secret is shown this once')
    .argument('<name>', 'the user')
    .argument('<permission...>', permission)
    .action(async (name: string, permissions: string[], flags: KeyFlags) => {
      const key = await ownKey(flags)
      const made = await onUsers(flags, (users) => users.add(name, permissions, key))
      if (!made) throw new Failed(`There is a user '${name}' already. "queueup user rotate ${name}" makes another key.`)
      tell(made, key.secret !== undefined, flags)
    })
  withKey(user.command('rotate'))
    .description('make one more access key; the old ones stay valid until they are removed')
    .argument('<name>', 'the user')
    .option('--only <permission...>', 'what this key may at the most of what its user may')
    .action(async (name: string, flags: KeyFlags & { only?: string[] }) => {
      const key = { ...(await ownKey(flags)), ...(flags.only && { permissions: flags.only }) }
      const made = await onUsers(flags, (users) => users.rotate(name, key))
      if (!made) throw noUser(name)
      tell(made, key.secret !== undefined, flags)
    })
  withUserStore(user.command('allow'))
    .description('change what a user may do, at once')
    .argument('<name>', 'the user')
    .argument('<permission...>', `all that it may from now on: ${permission}`)
    .action(async (name: string, permissions: string[], flags: Flags) => {
      if (!(await onUsers(flags, (users) => users.allow(name, permissions)))) throw noUser(name)
    })
  withUserStore(user.command('list'))
    .description('show users, what they may, and their keys without the secrets')
    .option('--json', 'as JSON')
    .action(async (flags: Flags) => show(await onUsers(flags, (users) => users.list()), flags))
  withUserStore(user.command('remove'))
    .description('remove a user and all its keys, or one key')
    .argument('<name>', 'the user')
    .option('--key <id>', 'only this key')
    .action(async (name: string, flags: Flags & { key?: string }) => {
      const { key } = flags
      if (key === undefined) {
        if (!(await onUsers(flags, (users) => users.remove(name)))) throw noUser(name)
      } else if (!(await onUsers(flags, (users) => users.removeKey(name, key)))) throw noKey(name, key)
    })
  for (const [word, disabled] of [
    ['disable', true],
    ['enable', false],
  ] as const)
    withUserStore(user.command(word))
      .description(disabled ? 'refuse a key until it is enabled' : 'take a disabled key again')
      .argument('<name>', 'the user')
      .argument('<key>', "the key's id")
      .action(async (name: string, key: string, flags: Flags) => {
        if (!(await onUsers(flags, (users) => users.disableKey(name, key, disabled)))) throw noKey(name, key)
      })
  withUserStore(user.command('encrypt'))
    .description(`encrypt the secrets that are kept as they are, with ${SECRET_KEY} of the environment`)
    .option('--force', 'also while other processes, such as a server, have the store open')
    .action(async (flags: Flags & { force?: boolean }) => {
      const count = await onUsers(flags, async (users, store) => {
        if (!flags.force) await checkAlone(store)
        return users.encrypt()
      })
      print(`Encrypted ${count} ${count === 1 ? 'secret' : 'secrets'}.`)
    })
}

function withUserStore(command: Command): Command {
  return command.option('--store <url>', 'the store: file:PATH (default: QUEUEUP_STORE, else file:queueup.db)')
}

function withKey(command: Command): Command {
  return withUserStore(command)
    .option('--key-id <id>', 'an id of your own, instead of a new one')
    .option('--secret-stdin', `read a secret of your own from standard input (or set ${OWN_SECRET})`)
    .option('--json', 'as JSON')
}

async function onUsers<T>({ store }: Flags, run: (users: Users, store: Store) => Promise<T>): Promise<T> {
  const url = store ?? process.env['QUEUEUP_STORE'] ?? 'file:queueup.db'
  if (isServer(url) || url.startsWith('memory:'))
    throw new InvalidArgumentError(`Users are kept in a file; '${url}' is none. Name it, such as file:jobs.db.`)
  const opened = await openStore(url)
  try {
    return await run(new Users(opened, process.env[SECRET_KEY]), opened)
  } finally {
    await leave(opened)
  }
}

/** A server that was started without the key would refuse every client from then on, and nobody sees from outside which was. @throws Failed */
async function checkAlone(store: Store): Promise<void> {
  const others = ((await store.processes?.()) ?? []).filter((one) => !one.self)
  if (others.length === 0) return
  throw new Failed(
    `Nothing was encrypted: the store is open in ${others.length === 1 ? 'process' : 'processes'} ${others.map((one) => one.pid).join(', ')}. A server that was started without ${SECRET_KEY} would refuse all its clients from now on. Restart each with it, then encrypt with --force.`,
  )
}

async function ownKey({ keyId, secretStdin }: KeyFlags): Promise<{ id?: string; secret?: string }> {
  const secret = secretStdin ? await readSecret() : process.env[OWN_SECRET]
  return { ...(keyId !== undefined && { id: keyId }), ...(secret !== undefined && { secret }) }
}

/** The first line of standard input. */
async function readSecret(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > LONGEST_INPUT) throw new InvalidArgumentError('That is too long for a secret.')
  }
  return text.split(/\r?\n/)[0] ?? ''
}

/** A secret of one's own isn't shown at all. */
function tell({ id, secret }: MadeKey, isOwn: boolean, { json }: Flags): void {
  if (json) return print(JSON.stringify(isOwn ? { id } : { id, secret }))
  print(`AWS_ACCESS_KEY_ID=${id}`)
  if (isOwn) return
  print(`AWS_SECRET_ACCESS_KEY=${secret}`)
  remark('The secret is not shown again.')
}

function show(users: readonly UserView[], { json }: Flags): void {
  if (json) return print(JSON.stringify(users))
  if (users.length === 0) return print('There are no users yet. "queueup user add NAME PERMISSION" makes one.')
  const rows = users.flatMap(({ name, permissions, keys }) =>
    (keys.length === 0 ? [undefined] : keys).map((key, i) => [
      i === 0 ? shown(name) : '',
      i === 0 ? shown(permissions.join(' ')) : '',
      key ? key.id : '(no key)',
      key ? new Date(key.created).toISOString().slice(0, 10) : '',
      [
        key?.permissions && `only ${shown(key.permissions.join(' '))}`,
        key?.disabled && 'disabled',
        key?.encrypted && 'encrypted',
      ]
        .filter(Boolean)
        .join(', '),
    ]),
  )
  print(table(['USER', 'MAY', 'KEY', 'SINCE', ''], rows))
}

function noUser(name: string): Failed {
  return new Failed(`There is no user '${name}'. "queueup user list" shows them.`)
}

function noKey(name: string, key: string): Failed {
  return new Failed(`User '${name}' has no key ${key}. "queueup user list" shows them.`)
}
