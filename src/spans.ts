import { context, propagation, type Span, SpanKind, SpanStatusCode, trace, type Attributes } from '@opentelemetry/api';

/** Nothing is recorded, and nothing costs, unless src/observability/tracing.ts has been started. */
const tracer = () => trace.getTracer('cinegraph');

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** W3C traceparent of whoever caused it; the active span when left out. */
  readonly parent?: string | null | undefined;
}

/** Runs the work as a span. An error that it throws is recorded. */
export function inSpan<T>(name: string, { kind = SpanKind.INTERNAL, attributes = {}, parent }: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
  const from = parent == null ? context.active() : propagation.extract(context.active(), { traceparent: parent });
  return tracer().startActiveSpan(name, { kind, attributes }, from, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      failSpan(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A span below the active one that the caller ends; it does not become active. */
export function startSpan(name: string, attributes: Attributes = {}): Span {
  return tracer().startSpan(name, { attributes });
}

export function failSpan(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'Error' });
}

/** W3C traceparent of the active span, to be carried over the queue; null when tracing is off. */
export function traceParent(): string | null {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ?? null;
}

/** The active trace's id for the log; undefined when tracing is off. */
export function traceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}
