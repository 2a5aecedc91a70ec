import type { GenerationEvent, GenerationRequest } from '../inference/core/generation.ts';
import type { RunContext } from './run-context.ts';

type EventOf<T extends GenerationEvent['type']> = Extract<GenerationEvent, { readonly type: T }>;

/** What is done with an event besides counting tokens; the next one is read when it is done. */
export type Followers = { readonly [T in 'started' | 'window' | 'frames' | 'sound' | 'text']?: (event: EventOf<T>) => Promise<void> };

/** Tokens of the job before this request, and in all. */
export interface Share {
  readonly before: number;
  readonly total: number;
}

/** Runs a request to its end; each event is stored before the next is read. Returns the codes by candidate. */
export async function follow(request: GenerationRequest, followers: Followers, share: Share, { inference, recorder, signal }: RunContext): Promise<ReadonlyMap<number, Int32Array>> {
  const codes = new Map<number, Int32Array>();
  for await (const event of inference.generate(request, signal)) {
    signal.throwIfAborted();
    switch (event.type) {
      case 'started':
        await followers.started?.(event);
        break;
      case 'tokens':
        await recorder.tokens(event, share.before, share.total);
        break;
      case 'window':
        await followers.window?.(event);
        break;
      case 'frames':
        await followers.frames?.(event);
        break;
      case 'sound':
        await followers.sound?.(event);
        break;
      case 'text':
        await followers.text?.(event);
        break;
      case 'codes':
        codes.set(event.candidate, event.codes);
        break;
      case 'finished':
        break;
      default:
        throw new Error(`unknown event ${JSON.stringify(event satisfies never)}`);
    }
  }
  return codes;
}
