/** What the service answers when it refuses: one name, and how both wire forms say it. */

interface Saying {
  /** Its name in the Query form, and in the header that gives it to clients of the JSON form. Default: the name itself. */
  query?: string
  status?: number
  /** It isn't in the service's model but comes from the framework around it; its name in the JSON form. */
  framework?: string
}

/** As the service's model and its recorded answers have them. */
const ERRORS = {
  BatchEntryIdsNotDistinct: { query: 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct' },
  BatchRequestTooLong: { query: 'AWS.SimpleQueueService.BatchRequestTooLong' },
  EmptyBatchRequest: { query: 'AWS.SimpleQueueService.EmptyBatchRequest' },
  InvalidAddress: { status: 404 },
  InvalidAttributeName: {},
  InvalidAttributeValue: {},
  InvalidBatchEntryId: { query: 'AWS.SimpleQueueService.InvalidBatchEntryId' },
  InvalidIdFormat: {},
  InvalidMessageContents: {},
  MessageNotInflight: { query: 'AWS.SimpleQueueService.MessageNotInflight' },
  OverLimit: { status: 403 },
  QueueDoesNotExist: { query: 'AWS.SimpleQueueService.NonExistentQueue' },
  QueueNameExists: { query: 'QueueAlreadyExists' },
  ReceiptHandleIsInvalid: { status: 404 },
  RequestThrottled: { status: 403 },
  ResourceNotFoundException: { status: 404 },
  TooManyEntriesInBatchRequest: { query: 'AWS.SimpleQueueService.TooManyEntriesInBatchRequest' },
  UnsupportedOperation: { query: 'AWS.SimpleQueueService.UnsupportedOperation' },

  AccessDenied: { framework: 'AccessDeniedException', status: 403 },
  IncompleteSignature: { framework: 'IncompleteSignatureException' },
  EmptyValue: { framework: 'InvalidParameterValueException' },
  InternalFailure: { framework: 'InternalFailure', status: 500 },
  InvalidAction: { framework: 'UnknownOperationException' },
  InvalidClientTokenId: { framework: 'UnrecognizedClientException', status: 403 },
  InvalidParameterValue: { framework: 'InvalidParameterValueException' },
  MalformedInput: { framework: 'SerializationException' },
  MethodNotAllowed: { framework: 'UnknownOperationException', status: 405 },
  MissingAction: { framework: 'UnknownOperationException' },
  MissingAuthenticationToken: { framework: 'MissingAuthenticationTokenException', status: 403 },
  MissingParameter: { framework: 'MissingRequiredParameterException' },
  NotFound: { framework: 'UnknownOperationException', status: 404 },
  RequestEntityTooLarge: { framework: 'RequestEntityTooLargeException', status: 413 },
  RequestExpired: { framework: 'RequestExpired' },
  RequestTimeout: { framework: 'RequestTimeout', status: 408 },
  ServiceUnavailable: { framework: 'ServiceUnavailable', status: 503 },
  SignatureDoesNotMatch: { framework: 'InvalidSignatureException', status: 403 },
  UnsupportedMediaType: { framework: 'UnsupportedMediaTypeException', status: 415 },
} as const satisfies Record<string, Saying>

const MOST_SHOWN = 1024

export type ErrorName = keyof typeof ERRORS

export class SqsError extends Error {
  readonly is: ErrorName
  /** How the service says it of an entry of a batch. */
  readonly ofEntry: SqsError

  constructor(is: ErrorName, message: string, ofEntry?: SqsError) {
    super(message)
    this.is = is
    this.ofEntry = ofEntry ?? this
  }

  override get name(): string {
    return 'SqsError'
  }

  get #saying(): Saying {
    return ERRORS[this.is]
  }

  get status(): number {
    return this.#saying.status ?? 400
  }

  /** Its name in the Query form. */
  get code(): string {
    return this.#saying.query ?? this.is
  }

  /** `__type` in the JSON form. */
  get type(): string {
    const { framework } = this.#saying
    return framework === undefined ? `com.amazonaws.sqs#${this.is}` : `com.amazon.coral.service#${framework}`
  }

  /** Whose fault it is. */
  get fault(): 'Sender' | 'Receiver' {
    return this.status >= 500 ? 'Receiver' : 'Sender'
  }
}

export function missing(parameter: string): SqsError {
  return new SqsError('MissingParameter', `The request must contain the parameter ${parameter}.`)
}

/** So the service has it of an entry of a batch. */
export function emptyValue(parameter: string): SqsError {
  return new SqsError('EmptyValue', `No Value Found for ${parameter}.`)
}

export function invalid(parameter: string, value: unknown, reason: string, ofEntry?: SqsError): SqsError {
  return new SqsError(
    'InvalidParameterValue',
    `Value ${shown(String(value))} for parameter ${parameter} is invalid. Reason: ${reason}`,
    ofEntry,
  )
}

/** What is wrong with a value, and of an entry of a batch no more than the reason. */
export function unfit(
  parameter: string,
  value: unknown,
  reason: string,
  is: ErrorName = 'InvalidParameterValue',
): SqsError {
  return invalid(parameter, value, `${reason}.`, new SqsError(is, reason))
}

/** What was sent, as an error quotes it: clients look for it in whole, but it may be as long as a request. */
export function shown(value: string): string {
  return value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}...` : value
}

export function noQueue(): SqsError {
  return new SqsError('QueueDoesNotExist', 'The specified queue does not exist.')
}

export function badName(attribute: string): SqsError {
  return new SqsError('InvalidAttributeName', `Unknown Attribute ${attribute}.`)
}

export function badValue(attribute: string, reason?: string): SqsError {
  const why = reason === undefined ? '' : ` Reason: ${reason}`
  return new SqsError('InvalidAttributeValue', `Invalid value for the parameter ${attribute}.${why}`)
}
