import type { Host } from './host.ts'
import type { Input, Output } from './model.ts'
import { invalid, SqsError } from './sqs-error.ts'

const MOST = 50

/** @throws SqsError */
export function checkTags(queue: string, tags: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(tags)) {
    checkKey(key)
    if (/^aws:/i.test(key)) throw invalid('TagKey', key, 'The prefix aws: is reserved.')
    if ((tags[key] as string).length > 256) throw invalid('TagValue', tags[key], 'Must be at most 256 characters.')
  }
  if (Object.keys(tags).length > MOST)
    throw new SqsError('InvalidParameterValue', `Too many tags added for queue ${queue}.`)
}

function checkKey(key: string): void {
  if (key.length < 1 || key.length > 128)
    throw new SqsError('InvalidParameterValue', 'Tag keys must be between 1 and 128 characters in length.')
}

export async function tagQueue({ queues }: Host, { QueueUrl, Tags }: Input<'TagQueue'>): Promise<object> {
  return change(queues, QueueUrl, (tags, name) => {
    const all = merged(tags, Tags)
    checkTags(name, all)
    return all
  })
}

export async function untagQueue({ queues }: Host, { QueueUrl, TagKeys }: Input<'UntagQueue'>): Promise<object> {
  return change(queues, QueueUrl, (tags) => {
    const left = merged(tags, {})
    if (TagKeys.length === 0) checkKey('')
    for (const key of TagKeys) {
      checkKey(key)
      delete left[key]
    }
    return left
  })
}

export async function listQueueTags(
  { queues }: Host,
  { QueueUrl }: Input<'ListQueueTags'>,
): Promise<Output<'ListQueueTags'>> {
  const { own } = await queues.find(QueueUrl)
  return own && Object.keys(own.tags).length > 0 ? { Tags: own.tags } : {}
}

/** Keys are anybody's: `__proto__` is one as good as another. */
export function merged(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): Record<string, string> {
  const all = Object.create(null) as Record<string, string>
  for (const key of Object.keys(a)) all[key] = a[key] as string
  for (const key of Object.keys(b)) all[key] = b[key] as string
  return all
}

async function change(
  queues: Host['queues'],
  url: string,
  edit: (tags: Record<string, string>, queue: string) => Record<string, string>,
): Promise<object> {
  const { name } = await queues.find(url)
  await queues.change(name, ({ policy, own }) => {
    const now = queues.now()
    return {
      policy: policy ?? {},
      own: { attributes: {}, created: now, ...own, tags: edit(own?.tags ?? {}, name), modified: now },
    }
  })
  return {}
}
