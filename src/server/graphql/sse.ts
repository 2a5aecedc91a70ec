import type { Request, RequestHandler, Response } from 'express';
import { GraphQLError, OperationTypeNode, getOperationAST, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { once } from 'node:events';
import { z } from 'zod';
import type { Context } from '../../resolvers/context.ts';
import { ERRORS, isErrorCode } from '../../errors.ts';
import { sendGraphqlError, setRetryAfter } from '../guard.ts';
import type { Sessions } from '../auth/sessions.ts';
import type { Pipeline } from './pipeline.ts';

/** A reader that has taken nothing for so long is cut off. */
const STALL_MS = 60_000;
const MAX_STREAMS = 1000;

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue('not JSON');
    return z.NEVER;
  }
});
const operation = z.object({
  query: z.string().nullish(),
  documentId: z.string().nullish(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
});
const operationInUrl = operation.extend({ variables: json.pipe(operation.shape.variables).optional(), extensions: json.pipe(operation.shape.extensions).optional() });

export interface SseEndpoint {
  readonly handler: RequestHandler;
  /** Ends every stream without `complete`: clients then connect again. */
  close(): void;
}

/**
 * GraphQL over server-sent events, distinct connections mode (the protocol of graphql-sse: events `next` and `complete`).
 * Not graphql-sse's own handler: between the source and the socket it keeps a queue without a bound. Here a reader that does not keep up
 * holds back the source, which then coalesces previews.
 */
export function createSseEndpoint(pipeline: Pipeline, sessions: Sessions, contextOf: (request: Request) => Context, keepAliveMs: number): SseEndpoint {
  const open = new Set<Response>();

  async function handle(request: Request, response: Response): Promise<void> {
    const args = await prepare(pipeline, request, response, contextOf);
    if (args === null) return;
    if (open.size >= MAX_STREAMS) return sendGraphqlError(response, 503, 'BAD_REQUEST', 'Too many streams are open.');
    const type = getOperationAST(args.document, args.operationName)?.operation;
    if (request.method === 'GET' && type === OperationTypeNode.MUTATION) {
      response.setHeader('Allow', 'POST');
      return sendGraphqlError(response, 405, 'BAD_REQUEST', 'Mutations need POST.');
    }
    // Ended without `complete`: the client comes back, and is asked for a credential then.
    const leave = sessions.open(contextOf(request).viewer, () => response.end());
    response.once('close', leave);
    const results = type === OperationTypeNode.SUBSCRIPTION ? await pipeline.subscribe(args) : await pipeline.execute(args);
    open.add(response);
    try {
      await stream(results, response, keepAliveMs);
    } finally {
      open.delete(response);
    }
  }

  return {
    handler: (request, response) => handle(request, response),
    close() {
      for (const response of open) response.end();
    },
  };
}

async function prepare(
  pipeline: Pipeline,
  request: Request,
  response: Response,
  contextOf: (request: Request) => Context,
): Promise<ExecutionArgs | null> {
  const parsed = request.method === 'GET' ? operationInUrl.safeParse(request.query) : operation.safeParse(request.body);
  if (!parsed.success) {
    sendGraphqlError(response, 400, 'BAD_REQUEST', 'query must be a string, variables an object; a POST needs Content-Type: application/json.');
    return null;
  }
  const prepared = await pipeline.prepare(parsed.data, contextOf(request));
  if (!('length' in prepared)) return prepared;
  const { code, retryAfterMs } = prepared[0]?.extensions ?? {};
  setRetryAfter(response, retryAfterMs);
  response.status(isErrorCode(code) ? ERRORS[code].status : 400).json({ errors: prepared.map((error: GraphQLError) => error.toJSON()) });
  return null;
}

async function stream(results: AsyncGenerator<ExecutionResult> | ExecutionResult, response: Response, keepAliveMs: number): Promise<void> {
  if (response.writableEnded || response.closed) {
    // The client left, or its credential ended, while the source was being opened.
    if (Symbol.asyncIterator in results) await results.return(undefined);
    return;
  }
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
  });
  response.write(':\n\n');
  if (!(Symbol.asyncIterator in results)) return void response.end(`${next(results)}${COMPLETE}`);

  const keepAlive = setInterval(() => {
    if (!response.writableNeedDrain) response.write(':\n\n');
  }, keepAliveMs);
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
    // A pending next() then settles, and the loop below ends.
    void results.return(undefined);
  });
  try {
    for await (const result of results) {
      if (response.writableEnded || gone.signal.aborted) return;
      if (!response.write(next(result))) await once(response, 'drain', { signal: AbortSignal.any([gone.signal, AbortSignal.timeout(STALL_MS)]) });
    }
    if (!response.writableEnded) response.end(COMPLETE);
  } catch (error) {
    if (isTimeout(error)) response.destroy();
    else if (!gone.signal.aborted) throw error;
  } finally {
    clearInterval(keepAlive);
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError' && error.cause instanceof DOMException && error.cause.name === 'TimeoutError';
}

const COMPLETE = 'event: complete\ndata: {}\n\n';

function next(result: ExecutionResult): string {
  return `event: next\ndata: ${JSON.stringify(result)}\n\n`;
}
