/** A queue's policy document, and the two actions that edit it. It is kept and given back; who may is decided by access keys. */
import type { Call, Host } from './host.ts'
import { isAction, type Input } from './model.ts'
import { badValue, invalid, SqsError } from './sqs-error.ts'

const LABEL = /^[A-Za-z0-9_-]{1,80}$/
const ACCOUNT = /^\d{12}$/
const ACTIONS = [
  '*',
  'SendMessage',
  'ReceiveMessage',
  'DeleteMessage',
  'ChangeMessageVisibility',
  'GetQueueAttributes',
  'GetQueueUrl',
  'ListDeadLetterSourceQueues',
  'PurgeQueue',
]
const OWNERS = 'Only the queue owner is allowed to invoke this action.'
const UNKNOWN = 'Please refer to the appropriate WSDL for a list of valid actions.'
/** Statements of one policy, and bytes of it. */
const MOST = 20
const LARGEST_POLICY = 20_480

interface Document {
  Version?: string
  Id?: string
  Statement: Record<string, unknown>[]
}

/** The policy as it is given back: a single statement is a list of one. @throws SqsError */
export function toPolicy(text: string): string {
  if (Buffer.byteLength(text) > LARGEST_POLICY) throw badValue('Policy')
  const { document, listed } = parse(text)
  const { length } = document.Statement
  if (length > MOST)
    throw new SqsError('OverLimit', `${length} statements were found in the submitted policy, max allowed is ${MOST}`)
  return listed ? text : JSON.stringify(document)
}

/** An action of one's own queues. Batches are no actions here: who may send may send many. */
function isOwners(action: string): boolean {
  return isAction(action) && !action.endsWith('Batch')
}

export async function addPermission(
  { queues }: Host,
  { QueueUrl, Label, AWSAccountIds, Actions }: Input<'AddPermission'>,
  _call: Call,
): Promise<object> {
  if (!LABEL.test(Label)) throw invalid('Label', Label, 'Must be up to 80 letters, digits, hyphens and underscores.')
  if (AWSAccountIds.length === 0 || !AWSAccountIds.every((id) => ACCOUNT.test(id)))
    throw invalid('PrincipalId', `[${AWSAccountIds.join(', ')}]`, 'Unable to verify.')
  for (const action of Actions)
    if (!ACTIONS.includes(action)) throw invalid('ActionName', `SQS:${action}`, isOwners(action) ? OWNERS : UNKNOWN)
  if (Actions.length > 7) throw new SqsError('OverLimit', `${Actions.length} Actions were found, maximum allowed is 7.`)
  const { name } = await queues.find(QueueUrl)
  const arn = queues.arnOf(name)
  const principals = AWSAccountIds.map((id) => `arn:aws:iam::${id}:root`)
  const actions = Actions.map((action) => `SQS:${action}`)
  await edit(queues, name, (document) => {
    if (document.Statement.some(({ Sid }) => Sid === Label)) throw invalid('Label', Label, 'Already exists.')
    if (document.Statement.length >= MOST)
      throw new SqsError(
        'OverLimit',
        `${document.Statement.length + 1} Statements were found, maximum allowed is ${MOST}.`,
      )
    document.Statement.push({
      Sid: Label,
      Effect: 'Allow',
      Principal: { AWS: principals.length === 1 ? principals[0] : principals },
      Action: actions.length === 1 ? actions[0] : actions,
      Resource: arn,
    })
    return { Version: '2008-10-17', Id: `${arn}/SQSDefaultPolicy`, ...document }
  })
  return {}
}

export async function removePermission(
  { queues }: Host,
  { QueueUrl, Label }: Input<'RemovePermission'>,
): Promise<object> {
  const { name } = await queues.find(QueueUrl)
  await edit(queues, name, (document) => {
    const left = document.Statement.filter(({ Sid }) => Sid !== Label)
    // The service says it otherwise where there is no policy at all.
    const where = document.Statement.length > 0 ? ' on existing policy' : ''
    if (left.length === document.Statement.length) throw invalid('Label', Label, `can't find label${where}.`)
    return { ...document, Statement: left }
  })
  return {}
}

async function edit(queues: Host['queues'], name: string, change: (document: Document) => Document): Promise<void> {
  await queues.change(name, ({ policy, own }) => {
    const attributes = { ...own?.attributes }
    const document = change(
      attributes['Policy'] === undefined ? { Statement: [] } : parse(attributes['Policy']).document,
    )
    if (document.Statement.length === 0) delete attributes['Policy']
    else attributes['Policy'] = written(document)
    const modified = queues.now()
    return { policy: policy ?? {}, own: { tags: {}, created: modified, ...own, attributes, modified } }
  })
}

/** @throws SqsError OverLimit */
function written(document: Document): string {
  const text = JSON.stringify(document)
  const bytes = Buffer.byteLength(text)
  if (bytes > LARGEST_POLICY)
    throw new SqsError('OverLimit', `The policy would have ${bytes} bytes, maximum allowed is ${LARGEST_POLICY}.`)
  return text
}

/** listed: its statements are written as a list. */
function parse(text: string): { document: Document; listed: boolean } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw badValue('Policy')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badValue('Policy')
  const { Statement } = value as Partial<Document>
  const listed = Array.isArray(Statement)
  const statements: unknown[] = listed ? Statement : [Statement]
  if (statements.some((one) => typeof one !== 'object' || one === null)) throw badValue('Policy')
  return { document: { ...value, Statement: statements as Record<string, unknown>[] }, listed }
}
