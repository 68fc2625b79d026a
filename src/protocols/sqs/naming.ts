/** What the URLs and ARNs of queues are made of. */
import { InvalidArgumentError } from '../../errors.ts'

const ACCOUNT = /^\d{12}$/
const REGION = /^[a-z0-9-]{1,32}$/

/** @throws InvalidArgumentError */
export function checkAccount(account: string): string {
  if (!ACCOUNT.test(account))
    throw new InvalidArgumentError(`'${account}' is no account: give twelve digits, such as 000000000000.`)
  return account
}

/** @throws InvalidArgumentError */
export function checkRegion(region: string): string {
  if (!REGION.test(region)) throw new InvalidArgumentError(`'${region}' is no region; give one such as us-east-1.`)
  return region
}

/** A proxy may serve it at a path of its own. @throws InvalidArgumentError */
export function baseOf(url: string): string {
  const base = URL.canParse(url) ? new URL(url) : undefined
  if (!base || !/^https?:$/.test(base.protocol) || base.search || base.hash)
    throw new InvalidArgumentError(
      `'${url}' is nothing that queue URLs can begin with; give a URL such as https://queues.example.com.`,
    )
  return base.origin + base.pathname.replace(/\/$/, '')
}
