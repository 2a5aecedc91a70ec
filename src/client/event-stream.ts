/** Subscriptions over server-sent events: one HTTP request each, in the protocol of graphql-sse ("distinct connections"). */
import { graphqlError, UnreachableError, type GraphqlErrorShape } from './errors.ts';
import { readToken, retryAfterMs, type HttpOptions, type TypedDocument } from './http.ts';
import type { StreamOptions } from './socket.ts';

/** The server writes a comment every 12 s unless it is told otherwise (KEEP_ALIVE_SECONDS): who is silent for longer has vanished. */
const SILENT_MS = 60_000;
/** Longest event, in characters. */
const MAX_EVENT = 16_777_216;

interface Result<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly GraphqlErrorShape[];
}

/** Results until the server completes; it is read as fast as the caller reads. Never connects again by itself. Throws CinegraphClientError. */
export async function* eventStream<Data, Variables>(
  options: HttpOptions,
  document: TypedDocument<Data, Variables>,
  variables: Variables,
  { signal, onConnected }: StreamOptions = {},
): AsyncGenerator<Data, void, void> {
  const silence = createSilence(options.timeoutMs);
  const leave = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
  try {
    const response = await open(options, document, variables, leave);
    onConnected?.();
    silence.expect(SILENT_MS);
    for await (const { type, data } of events(response, () => silence.expect(SILENT_MS))) {
      if (type === 'complete') return;
      const { data: result, errors } = JSON.parse(data) as Result<Data>;
      const [error] = errors ?? [];
      if (error !== undefined) throw graphqlError(error);
      if (result != null) yield result;
    }
  } catch (error) {
    if (signal?.aborted === true) return;
    throw error instanceof TypeError || isAbort(error) ? new UnreachableError(options.url, error) : error;
  } finally {
    silence.end();
  }
  if (signal?.aborted !== true) throw new UnreachableError(options.url, undefined, `${options.url} ended the stream before it was complete.`);
}

async function open<Data, Variables>(options: HttpOptions, document: TypedDocument<Data, Variables>, variables: Variables, signal: AbortSignal): Promise<Response> {
  const token = await readToken(options.token);
  const response = await options.fetch(`${options.url}/graphql/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query: document.toString(), variables }),
    signal,
  });
  if (response.ok && response.headers.get('content-type')?.startsWith('text/event-stream') === true) return response;
  const { errors } = (await response.json().catch(() => ({}))) as Result<Data>;
  const [error] = errors ?? [];
  if (error !== undefined) throw graphqlError(error, response.status, retryAfterMs(response));
  throw new UnreachableError(options.url, undefined, `What answers at ${options.url} streams no events: HTTP ${response.status}.`);
}

interface ServerEvent {
  readonly type: string;
  readonly data: string;
}

/** @param heard called for whatever comes, comments too */
async function* events(response: Response, heard: () => void): AsyncGenerator<ServerEvent, void, void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      text += value;
      let end = text.indexOf('\n\n');
      for (; end !== -1; end = text.indexOf('\n\n')) {
        const event = parse(text.slice(0, end));
        text = text.slice(end + 2);
        if (event !== null) yield event;
      }
      if (text.length > MAX_EVENT) throw new TypeError('an event of the stream is too long');
    }
  } finally {
    // Ends the request, too, when the caller leaves early.
    await reader.cancel().catch(() => undefined);
  }
}

/** Null for a comment. */
function parse(block: string): ServerEvent | null {
  const field = (name: string) =>
    block
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trimStart())
      .join('\n');
  const type = field('event');
  return type === '' ? null : { type, data: field('data') };
}

/** Aborts when nothing has come for so long as was last said. Owner of its timer. */
function createSilence(firstMs: number): { readonly signal: AbortSignal; expect(ms: number): void; end(): void } {
  const controller = new AbortController();
  const late = () => controller.abort();
  let timer = setTimeout(late, firstMs);
  return {
    signal: controller.signal,
    expect(ms) {
      clearTimeout(timer);
      timer = setTimeout(late, ms);
    },
    end: () => clearTimeout(timer),
  };
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
