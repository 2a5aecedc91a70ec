import type { Span } from '@opentelemetry/api';
import type { GenerationEvent, GenerationRequest, InferenceClient } from '../inference/core/generation.ts';
import { failSpan, startSpan } from '../spans.ts';
import type { GenerationMeter, Metrics } from './metrics.ts';

/** The same client; every request that goes through it is measured and traced. */
export function observed(client: InferenceClient, metrics: Metrics): InferenceClient {
  return new Proxy(client, {
    get(target, name) {
      if (name === 'generate') return (request: GenerationRequest, signal: AbortSignal) => generate(target, metrics, request, signal);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function* generate(client: InferenceClient, metrics: Metrics, request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
  const observer = new Observer(metrics.meter(request.task));
  try {
    for await (const event of client.generate(request, signal)) {
      observer.saw(event);
      yield event;
    }
  } catch (error) {
    observer.failed(error, signal.aborted);
    throw error;
  } finally {
    observer.end();
  }
}

/** One request. Its spans follow each other: the prefill, then the token steps from one report of the engine to the next. */
class Observer {
  readonly #meter: GenerationMeter;
  #span: Span = startSpan('engine prefill');
  #outcome: 'finished' | 'failed' | 'canceled' = 'canceled';
  #tokens = 0;

  constructor(meter: GenerationMeter) {
    this.#meter = meter;
  }

  saw(event: GenerationEvent): void {
    if (event.type === 'started') this.#next('engine steps');
    if (event.type === 'tokens') {
      this.#meter.tokens(event.tokensDone - this.#tokens);
      this.#span.setAttributes({ 'cinegraph.tokens.from': this.#tokens, 'cinegraph.tokens.to': event.tokensDone });
      this.#tokens = event.tokensDone;
      this.#next('engine steps');
    }
    if (event.type === 'frames') {
      this.#meter.firstFrame();
      this.#span.addEvent('frames decoded', { 'cinegraph.frame': event.firstFrame, 'cinegraph.frames': event.frames.length, 'cinegraph.final': event.final });
    }
    if (event.type === 'finished') this.#outcome = 'finished';
  }

  failed(error: unknown, aborted: boolean): void {
    this.#outcome = aborted ? 'canceled' : 'failed';
    if (!aborted) failSpan(this.#span, error);
  }

  end(): void {
    this.#span.end();
    this.#meter.ended(this.#outcome);
  }

  #next(name: string): void {
    this.#span.end();
    this.#span = startSpan(name);
  }
}
