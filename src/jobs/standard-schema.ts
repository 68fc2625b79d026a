/**
 * The interface of Standard Schema 1.0 (standardschema.dev), by which zod, valibot, arktype and others validate: types only, copied as that
 * specification suggests, so that nobody has to install it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}
/** What a validator answers: the value, as it makes it, or what is wrong with it. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }
/** One thing that is wrong, and where. */
export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
/** What a validator takes. */
export type InferInput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']
/** What a validator makes of it. */
export type InferOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** A validator's issues as one line: `mail_to: must be an address; tries: must be a number`. */
export function issuesText(issues: readonly StandardIssue[]): string {
  return issues
    .map(({ path, message }) => {
      const at = path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
      return at ? `${at}: ${message}` : message
    })
    .join('; ')
}
