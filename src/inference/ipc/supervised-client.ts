/** InferenceClient over one forked process that is started again when it crashes. */
import { CinegraphError, type ErrorCode } from '../../errors.ts';
import type { CacheUsage, GenerationEvent, GenerationRequest, InferenceClient, InferenceInfo, RawFrame } from '../core/generation.ts';
import type { LogSink } from '../core/log.ts';
import { parseRequest } from '../core/request.ts';
import { ChildLink } from './child-link.ts';
import { EventQueue } from './event-queue.ts';
import { fromFailure } from './failure.ts';
import type { Command, Report, StartOptions } from './messages.ts';

export interface RestartPolicy {
  /** Crashes in a row, without `healthyMs` of service between them, after which the client gives up. */
  readonly maxCrashes: number;
  /** Wait before the first restart; doubles up to the maximum. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly healthyMs: number;
}

export interface SupervisedOptions {
  readonly start: StartOptions;
  readonly restart: RestartPolicy;
  readonly startTimeoutMs: number;
  readonly silenceTimeoutMs: number;
  readonly log: LogSink;
}

type State =
  | { readonly type: 'starting'; readonly link: ChildLink }
  | { readonly type: 'ready'; readonly link: ChildLink; readonly info: InferenceInfo; readonly since: number }
  | { readonly type: 'backoff'; readonly timer: NodeJS.Timeout }
  /** For good: the bundle or the provider, or too many crashes. */
  | { readonly type: 'failed'; readonly error: CinegraphError }
  | { readonly type: 'closed' };

/** These do not go away by trying again. */
const FINAL: readonly ErrorCode[] = ['BUNDLE_CORRUPT', 'PROVIDER_UNAVAILABLE'];

export class SupervisedClient implements InferenceClient {
  readonly #options: SupervisedOptions;
  /** Running requests by ticket. */
  readonly #requests = new Map<number, EventQueue>();
  readonly #ids = new Set<string>();
  /** Running conversions of one codec or the other, by ticket. */
  readonly #conversions = new Map<number, PromiseWithResolvers<Int32Array | Float32Array>>();
  #tickets = 0;
  #state: State;
  #ready = unheardRejection();
  #crashes = 0;
  #usage: CacheUsage | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#state = this.#fork();
  }

  get info(): InferenceInfo | undefined {
    return this.#state.type === 'ready' ? this.#state.info : undefined;
  }

  /** Process id of the inference process, while there is one. */
  get pid(): number | undefined {
    return 'link' in this.#state ? this.#state.link.pid : undefined;
  }

  /** As of the last heartbeat. */
  get usage(): CacheUsage | undefined {
    return this.#state.type === 'ready' ? this.#usage : undefined;
  }

  ready(): Promise<InferenceInfo> {
    return this.#ready.promise;
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const parsed = parseRequest(request);
    if (signal.aborted) throw new CinegraphError('CANCELED');
    if (this.#state.type !== 'ready') throw new CinegraphError('INFERENCE_UNAVAILABLE');
    if (this.#ids.has(parsed.id)) throw new CinegraphError('INVALID_INPUT', `id: a request ${parsed.id} is already running.`, { field: ['id'] });
    const { link } = this.#state;
    const queue = new EventQueue();
    const ticket = this.#tickets++;
    const abort = (): void => queue.fail(new CinegraphError('CANCELED'));
    signal.addEventListener('abort', abort);
    this.#requests.set(ticket, queue);
    this.#ids.add(parsed.id);
    link.send({ type: 'generate', ticket, request: parsed });
    try {
      for (let event = await queue.next(); event !== undefined; event = await queue.next()) yield event;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#requests.delete(ticket);
      this.#ids.delete(parsed.id);
      // Harmless when the request is already over.
      link.send({ type: 'cancel', ticket });
    }
  }

  async encode(frames: readonly RawFrame[], signal: AbortSignal): Promise<Int32Array> {
    return (await this.#convert((ticket) => ({ type: 'encode', ticket, frames: [...frames] }), signal)) as Int32Array;
  }

  async encodeControl(frames: readonly RawFrame[], signal: AbortSignal): Promise<Int32Array> {
    return (await this.#convert((ticket) => ({ type: 'encode-control', ticket, frames: [...frames] }), signal)) as Int32Array;
  }

  async encodeSound(samples: Float32Array, signal: AbortSignal): Promise<Int32Array> {
    return (await this.#convert((ticket) => ({ type: 'encode-sound', ticket, samples }), signal)) as Int32Array;
  }

  async decodeSound(codes: Int32Array, signal: AbortSignal): Promise<Float32Array> {
    return (await this.#convert((ticket) => ({ type: 'decode-sound', ticket, codes }), signal)) as Float32Array;
  }

  async close(): Promise<void> {
    const state = this.#state;
    if (state.type === 'closed') return;
    this.#state = { type: 'closed' };
    this.#failAll('The inference process was closed.');
    if (state.type === 'backoff') clearTimeout(state.timer);
    if (state.type !== 'ready' && state.type !== 'failed') this.#ready.reject(new CinegraphError('INFERENCE_CRASHED', 'The inference process was closed.'));
    if ('link' in state) await state.link.close();
  }

  /** One question, one answer: the kind of the answer is that of the question. */
  async #convert(question: (ticket: number) => Command, signal: AbortSignal): Promise<Int32Array | Float32Array> {
    if (signal.aborted) throw new CinegraphError('CANCELED');
    if (this.#state.type !== 'ready') throw new CinegraphError('INFERENCE_UNAVAILABLE');
    const { link } = this.#state;
    const conversion = Promise.withResolvers<Int32Array | Float32Array>();
    const ticket = this.#tickets++;
    const abort = (): void => {
      conversion.reject(new CinegraphError('CANCELED'));
      link.send({ type: 'cancel', ticket });
    };
    signal.addEventListener('abort', abort);
    this.#conversions.set(ticket, conversion);
    link.send(question(ticket));
    try {
      return await conversion.promise;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#conversions.delete(ticket);
    }
  }

  #fork(): State {
    const { start, startTimeoutMs, silenceTimeoutMs, log } = this.#options;
    const link: ChildLink = new ChildLink({
      start,
      startTimeoutMs,
      silenceTimeoutMs,
      log,
      onReport: (report) => this.#receive(link, report),
      onExit: (reason) => this.#exited(link, reason),
    });
    return { type: 'starting', link };
  }

  #receive(link: ChildLink, report: Report): void {
    if (!('link' in this.#state) || this.#state.link !== link) return;
    switch (report.type) {
      case 'ready':
        this.#state = { type: 'ready', link, info: report.info, since: performance.now() };
        this.#ready.resolve(report.info);
        return;
      case 'failed':
        return this.#giveUp(fromFailure(report.failure), FINAL.includes(report.failure.code));
      case 'event':
        return this.#requests.get(report.ticket)?.push(report.event);
      case 'encoded':
        return this.#conversions.get(report.ticket)?.resolve(report.codes);
      case 'decoded':
        return this.#conversions.get(report.ticket)?.resolve(report.samples);
      case 'ended': {
        if (report.failure !== undefined) this.#conversions.get(report.ticket)?.reject(fromFailure(report.failure));
        const queue = this.#requests.get(report.ticket);
        return report.failure === undefined ? queue?.end() : queue?.fail(fromFailure(report.failure));
      }
      case 'heartbeat':
        this.#usage = report.usage;
        return;
      case 'log':
        return this.#options.log({ level: report.level, message: report.message, details: report.details });
    }
  }

  #exited(link: ChildLink, reason: string): void {
    if (!('link' in this.#state) || this.#state.link !== link) return;
    const { restart, log } = this.#options;
    const wasReady = this.#state.type === 'ready';
    if (this.#state.type === 'ready' && performance.now() - this.#state.since >= restart.healthyMs) this.#crashes = 0;
    this.#crashes += 1;
    log({ level: 'error', message: 'the inference process ended', details: { reason, crashesInARow: this.#crashes } });
    if (wasReady) this.#ready = unheardRejection();
    this.#failAll(`The inference process ended while it worked on the job (${reason}).`);
    if (this.#crashes > restart.maxCrashes) {
      return this.#giveUp(new CinegraphError('INFERENCE_CRASHED', `The inference process ended ${this.#crashes} times in a row (${reason}).`), true);
    }
    const wait = Math.min(restart.maxBackoffMs, restart.backoffMs * 2 ** (this.#crashes - 1));
    this.#state = { type: 'backoff', timer: setTimeout(() => (this.#state = this.#fork()), wait) };
  }

  /** A failure that is not final leaves the state alone: the process exits next, and that is counted as a crash. */
  #giveUp(error: CinegraphError, final: boolean): void {
    this.#options.log({ level: 'error', message: 'inference cannot start', details: { code: error.code, message: error.message } });
    if (!final) return;
    if ('link' in this.#state) void this.#state.link.close();
    this.#state = { type: 'failed', error };
    this.#ready.reject(error);
  }

  #failAll(message: string): void {
    for (const queue of this.#requests.values()) queue.fail(new CinegraphError('INFERENCE_CRASHED', message));
    for (const conversion of this.#conversions.values()) conversion.reject(new CinegraphError('INFERENCE_CRASHED', message));
    this.#requests.clear();
  }
}

/** Whoever calls ready() gets its rejection; that nobody calls is no fault. */
function unheardRejection(): PromiseWithResolvers<InferenceInfo> {
  const ready = Promise.withResolvers<InferenceInfo>();
  ready.promise.catch(() => undefined);
  return ready;
}
