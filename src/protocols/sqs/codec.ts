/** Requests and answers as bytes: two wire forms on one port, told apart as the service does. */
import { checkBounds, checkRequired } from './check.ts'
import { fromJson, toJson, utf8 } from './json.ts'
import { ACTIONS, isAction, type ActionName } from './model.ts'
import { errorXml, field, fromForm, parseForm, toXml } from './query.ts'
import { SqsError } from './sqs-error.ts'

export type Form = 'json' | 'query'

/** A request as HTTP has it. */
export interface Request {
  method: string
  /** Path and query. */
  url: string
  contentType: string | undefined
  /** The header `X-Amz-Target`. */
  target: string | undefined
  body: Buffer
}

export interface Asked {
  action: ActionName
  input: Record<string, unknown>
}

const TARGET = 'AmazonSQS.'
const FORM = /^application\/x-www-form-urlencoded\b/i
/** A queue's URL, of which some actions can't be asked. */
const QUEUE = /^\/\d{12}\/[^/]+\/?$/
const NOT_OF_QUEUES: ReadonlySet<ActionName> = new Set(['CreateQueue', 'ListQueues'])

/** In which form it is to be answered. */
export function formOf({ target, contentType }: Pick<Request, 'target' | 'contentType'>): Form {
  if (contentType?.startsWith('application/x-amz-json')) return 'json'
  // Perl's client names a target of its own beside a form.
  const named = target !== undefined && (target.startsWith(TARGET) || !FORM.test(contentType ?? ''))
  return named ? 'json' : 'query'
}

/**
 * What a request asks for, checked against the model.
 * @throws SqsError
 */
export function decode(request: Request, form: Form): Asked {
  const asked = form === 'json' ? decodeJson(request) : decodeQuery(request)
  const shape = ACTIONS[asked.action].in
  checkRequired(shape, asked.input)
  checkBounds(shape, asked.input)
  return asked
}

function decodeJson({ method, target = '', body }: Request): Asked {
  if (method !== 'POST') throw new SqsError('MethodNotAllowed', 'Requests in JSON are made by POST.')
  const action = target.startsWith(TARGET) ? target.slice(TARGET.length) : ''
  if (!isAction(action)) throw unknown(action)
  return { action, input: fromJson(ACTIONS[action].in, body) }
}

function decodeQuery({ method, url, contentType, body }: Request): Asked {
  const mark = url.indexOf('?')
  const fields = parseForm(mark < 0 ? '' : url.slice(mark + 1))
  if (method === 'POST' && body.length > 0) {
    if (contentType !== undefined && !FORM.test(contentType))
      throw new SqsError(
        'UnsupportedMediaType',
        'Send application/x-amz-json-1.0 with X-Amz-Target, or application/x-www-form-urlencoded with Action.',
      )
    parseForm(utf8(body), fields)
  }
  const action = field(fields, 'Action')
  const path = mark < 0 ? url : url.slice(0, mark)
  if (action === undefined || action === '') throw nothingAsked(method, path)
  if (!isAction(action) || (QUEUE.test(path) && NOT_OF_QUEUES.has(action))) throw unknown(action)
  const shape = ACTIONS[action].in
  const input = fromForm(shape, fields)
  // A queue's URL is where to ask it.
  if ('QueueUrl' in shape.members && input['QueueUrl'] === undefined && path !== '/') input['QueueUrl'] = path
  return { action, input }
}

/** Whoever only looks is at the wrong place; whoever sends something has forgotten what it is for. */
function nothingAsked(method: string, path: string): SqsError {
  const is = method === 'GET' ? 'NotFound' : 'MissingAction'
  return new SqsError(is, `The request must contain the parameter Action: nothing is asked of ${path}.`)
}

function unknown(action: string): SqsError {
  return new SqsError('InvalidAction', `The action ${action.slice(0, 80)} is not valid for this endpoint.`)
}

export interface Answer {
  status: number
  type: string
  body: string
  /** The header `x-amzn-query-error`. */
  queryError?: string
}

const JSON_TYPE = 'application/x-amz-json-1.0'
const XML_TYPE = 'text/xml'

export function encode(form: Form, action: ActionName, output: object, requestId: string): Answer {
  return form === 'json'
    ? { status: 200, type: JSON_TYPE, body: toJson(output) }
    : { status: 200, type: XML_TYPE, body: toXml(action, ACTIONS[action].out, output, requestId) }
}

export function encodeError(form: Form, error: SqsError, requestId: string): Answer {
  const { status } = error
  if (form === 'query') {
    // The older form says these in its own words.
    if (error.is === 'NotFound') return { status, type: XML_TYPE, body: '<UnknownOperationException/>\n' }
    const said = error.is === 'QueueDoesNotExist' ? new SqsError(error.is, WSDL) : error
    return { status, type: XML_TYPE, body: errorXml(said, requestId) }
  }
  return {
    status,
    type: JSON_TYPE,
    body: JSON.stringify({ __type: error.type, message: error.message }),
    queryError: `${error.code};${error.fault}`,
  }
}

const WSDL = 'The specified queue does not exist for this wsdl version.'
