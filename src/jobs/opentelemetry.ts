/**
 * Traces by `@opentelemetry/api`, an optional peer dependency that this file alone imports. Names are those of OpenTelemetry's semantic conventions for
 * messaging spans.
 */
/* eslint-disable @typescript-eslint/no-deprecated -- ProxyTracerProvider leaves with version 2; nothing else of version 1 tells whether spans are seen. */
import {
  context,
  isSpanContextValid,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Span,
  type SpanContext,
} from '@opentelemetry/api'
import type { WorkedJob } from './context.ts'
import type { AttemptSpan, SendSpan, Tracing } from './tracing.ts'
import { RetryLater } from './verdict.ts'

const SYSTEM = 'queueup'
/** Whose spans are nothing: it stands in until the application has set its own. */
const NOBODY = new ProxyTracerProvider().getDelegate()

/** @param attempts a trace of its own for each attempt, linked to its put's (`link`); or all of them in the put's trace (`child`) */
export function openTelemetry(attempts: 'link' | 'child'): Tracing {
  const tracer = trace.getTracer(SYSTEM)
  return {
    send({ name, queue, count }): SendSpan | undefined {
      if (isUnused()) return undefined
      const span = tracer.startSpan(queue === '' ? 'send' : `send ${queue}`, {
        kind: SpanKind.PRODUCER,
        attributes: {
          ...about('send', queue),
          'messaging.operation.name': 'put',
          ...(name !== '' && { 'queueup.job.name': name }),
          ...(count !== 1 && { 'messaging.batch.message_count': count }),
        },
      })
      return {
        traceparent: traceparentOf(span.spanContext()),
        end(outcome) {
          if ('error' in outcome) fail(span, outcome.error)
          else if (outcome.id !== undefined) span.setAttribute('messaging.message.id', outcome.id)
          span.end()
        },
      }
    },
    process({ id, name, queue, traceparent }: WorkedJob, attempt: number): AttemptSpan | undefined {
      const put = traceparent === undefined ? undefined : contextOf(traceparent)
      const child = attempts === 'child' && put !== undefined
      if (!child && isUnused()) return undefined
      const span = tracer.startSpan(
        `process ${queue}`,
        {
          kind: SpanKind.CONSUMER,
          attributes: {
            ...about('process', queue),
            'messaging.operation.name': 'process',
            'messaging.message.id': id,
            'queueup.job.name': name,
            'queueup.job.attempt': attempt,
          },
          ...(!child && { root: true, ...(put && { links: [{ context: put }] }) }),
        },
        child ? trace.setSpanContext(ROOT_CONTEXT, put) : ROOT_CONTEXT,
      )
      return {
        run: (work) => context.with(trace.setSpan(context.active(), span), work),
        end(error) {
          if (error !== undefined && !(error instanceof RetryLater)) fail(span, error)
          span.end()
        },
      }
    },
  }
}

/** Nobody records spans, and there is none whose context would be handed on. */
function isUnused(): boolean {
  const provider = trace.getTracerProvider()
  return (
    provider instanceof ProxyTracerProvider && provider.getDelegate() === NOBODY && trace.getActiveSpan() === undefined
  )
}

function about(type: 'send' | 'process', queue: string): Attributes {
  return {
    'messaging.system': SYSTEM,
    'messaging.operation.type': type,
    ...(queue !== '' && { 'messaging.destination.name': queue }),
  }
}

function fail(span: Span, error: unknown): void {
  const exception = error instanceof Error ? error : String(error)
  span.recordException(exception)
  span.setAttribute('error.type', typeOf(error))
  span.setStatus({
    code: SpanStatusCode.ERROR,
    message: typeof exception === 'string' ? exception : exception.message,
  })
}

/** A code is more telling than the name of a class; '_OTHER' is the conventions' word for what has neither. */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return '_OTHER'
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : error.name
}

/** W3C Trace Context, version 00. */
function traceparentOf(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`
}

/** undefined: another language's program wrote what is none. Of versions to come, the part that is known (section 4.1). */
function contextOf(traceparent: string): SpanContext | undefined {
  const match = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/.exec(traceparent)
  const [, traceId = '', spanId = '', flags = ''] = match ?? []
  const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true }
  return match && isSpanContextValid(span) ? span : undefined
}
