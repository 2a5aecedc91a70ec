/** The real inference client with a hand on its stream: what happens between two of its events is the test's to say. */
import type { GenerationEvent, GenerationRequest, InferenceClient } from '../../src/inference/core/generation.ts';

/** `before` is called with each event before the runner gets it, and may wait; the client underneath is the real one. */
export function intercept(client: InferenceClient, before: (event: GenerationEvent, signal: AbortSignal, request: GenerationRequest) => void | Promise<void>): InferenceClient {
  return {
    ready: () => client.ready(),
    get info() {
      return client.info;
    },
    async *generate(request, signal) {
      for await (const event of client.generate(request, signal)) {
        await before(event, signal, request);
        yield event;
      }
    },
    encodeControl: (frames, signal) => client.encodeControl(frames, signal),
    encodeSound: (samples, signal) => client.encodeSound(samples, signal),
    decodeSound: (codes, signal) => client.decodeSound(codes, signal),
    encode: (frames, signal) => client.encode(frames, signal),
    close: () => client.close(),
  };
}

/** Never resolves; rejects with the signal's reason. A run that meets it stays RUNNING until it is told to stop. */
export function held(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
