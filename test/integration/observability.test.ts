import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInferenceClient, type ForkedInferenceClient } from '../../src/inference/index.ts';
import { startJobRunner } from '../../src/jobs/job-runner.ts';
import { logFields } from '../../src/log-context.ts';
import { Metrics } from '../../src/observability/metrics.ts';
import { observed } from '../../src/observability/observed-inference.ts';
import { startTracing } from '../../src/observability/tracing.ts';
import { toGlobalId } from '../../src/resolvers/global-id.ts';
import { type DataStack, collectEvents, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { LOCAL } from '../support/local-viewer.ts';
import { startStackServer } from '../support/stack-server.ts';

const PROMPT = 'a very private fox';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

describe('what an operator sees', () => {
  let inference: ForkedInferenceClient;
  let stack: DataStack;
  let metrics: Metrics;
  beforeAll(async () => {
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1, maxRows: 8 });
    await inference.ready();
    stack = await openDataStack({ inference });
    metrics = new Metrics({ database: stack.database, cache: () => inference.usage });
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await inference.close();
  });

  /** Runs jobs until the returned function is called, which gives the lines of the log. */
  const runJobs = async (logPrompts: boolean): Promise<() => Promise<Record<string, unknown>[]>> => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ level: 'debug', mixin: logFields }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
    const runner = startJobRunner({ ...stack, inference: observed(inference, metrics), concurrency: 2, logPrompts, log });
    return async () => {
      await runner.stop({ graceMs: 30_000 });
      return lines;
    };
  };
  const runOne = async (): Promise<string> => {
    const { id } = await stack.services.generation.generate(LOCAL, { task: 'TEXT_TO_VIDEO', prompt: PROMPT });
    await collectEvents(stack.services, id, 0, LOCAL);
    return id;
  };
  const value = async (name: string): Promise<number> => Number(new RegExp(`^${name.replaceAll(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec((await metrics.text()).text)?.[1] ?? Number.NaN);

  it('counts jobs, tokens, first frames, generations, cache and the event loop', async () => {
    const waiting = await stack.services.generation.generate(LOCAL, { task: 'TEXT_TO_VIDEO', prompt: PROMPT });
    expect([await value('cinegraph_queue_depth'), await value('cinegraph_jobs{state="QUEUED"}'), await value('cinegraph_jobs{state="SUCCEEDED"}')]).toEqual([1, 1, 0]);
    const stop = await runJobs(false);
    await collectEvents(stack.services, waiting.id, 0, LOCAL);
    await stop();
    const [job] = await stack.services.jobs.byIds(LOCAL, [waiting.id]);
    expect(job?.status).toBe('SUCCEEDED');
    expect(await value('cinegraph_jobs{state="SUCCEEDED"}')).toBe(1);
    expect(await value('cinegraph_queue_depth')).toBe(0);
    expect(await value('cinegraph_tokens_generated_total{task="TEXT_TO_VIDEO"}')).toBe(job?.tokensTotal);
    expect(await value('cinegraph_first_frame_seconds_count{task="TEXT_TO_VIDEO"}')).toBe(1);
    expect(await value('cinegraph_generation_seconds_count{task="TEXT_TO_VIDEO",outcome="finished"}')).toBe(1);
    await expect.poll(() => value('cinegraph_cache_slots{state="free"}'), { timeout: 60_000 }).toBe(8);
    expect((await metrics.text()).text).toContain('nodejs_eventloop_lag_p99_seconds');
  });

  it('tells its metrics to this machine, or to whoever has the token', async () => {
    const open = await startStackServer(stack, {}, () => metrics.text());
    const answer = await fetch(`${open.url}/metrics`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    expect(await answer.text()).toContain('cinegraph_queue_depth 0');
    expect((await fetch(`${open.url}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.7' } })).status).toBe(403);
    await open.close(1000);
    const closed = await startStackServer(stack, { metricsToken: 'a token of some length' }, () => metrics.text());
    const status = async (authorization?: string): Promise<number> => (await fetch(`${closed.url}/metrics`, authorization === undefined ? {} : { headers: { authorization } })).status;
    expect([await status(), await status('Bearer another'), await status('Bearer a token of some length')]).toEqual([403, 403, 200]);
    await closed.close(1000);
  });

  it('writes lines that name the job, without its prompt unless asked', async () => {
    for (const asked of [false, true]) {
      const stop = await runJobs(asked);
      const id = await runOne();
      const lines = await stop();
      expect(lines.filter(({ job }) => job === id).map(({ msg }) => msg)).toEqual(expect.arrayContaining(['job started', 'job ended']));
      expect(JSON.stringify(lines).includes(PROMPT)).toBe(asked);
    }
  });

  it('gives each request an id, the proxy\'s if it has one', async () => {
    const server = await startStackServer(stack);
    const id = async (given?: string): Promise<string | null> => (await fetch(`${server.url}/health/live`, given === undefined ? {} : { headers: { 'x-request-id': given } })).headers.get('x-request-id');
    expect(await id()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await id('from-the-proxy:1')).toBe('from-the-proxy:1');
    expect(await id('"} forged')).toMatch(/^[0-9a-f-]{36}$/);
    await server.close(1000);
  });

  it('traces a job from the HTTP request over the queue to the token steps', async () => {
    const spans: Span[] = [];
    const collector = createServer(async (request, response) => {
      const body = JSON.parse(Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString()) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
      spans.push(...body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    }).listen(0, '127.0.0.1');
    await once(collector, 'listening');
    const tracing = await startTracing({ endpoint: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`, version: 'test' });
    const [server, stop] = [await startStackServer(stack), await runJobs(false)];
    const traceId = 'a'.repeat(32);
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-${'b'.repeat(16)}-01` },
      body: JSON.stringify({ query: 'mutation($input: TextToVideoInput!) { textToVideo(input: $input) { job { id } } }', variables: { input: { prompt: PROMPT } } }),
    });
    const { data } = (await response.json()) as { data: { textToVideo: { job: { id: string } } } };
    const [job] = (await stack.services.jobs.list(LOCAL, { first: 1 }, {})).edges.map(({ node }) => node);
    expect(toGlobalId('Job', job?.id ?? '')).toBe(data.textToVideo.job.id);
    await collectEvents(stack.services, job?.id ?? '', 0, LOCAL);
    const lines = await stop();
    await server.close(1000);
    await tracing.stop();
    collector.close();
    const mine = spans.filter((span) => span.traceId === traceId);
    const named = (name: string): Span | undefined => mine.find((span) => span.name === name);
    expect(named('POST /graphql')?.parentSpanId).toBe('b'.repeat(16));
    expect(named('job run')?.parentSpanId).toBe(named('POST /graphql')?.spanId);
    expect(named('engine prefill')?.parentSpanId).toBe(named('job run')?.spanId);
    expect(mine.filter(({ name }) => name === 'engine steps').length).toBeGreaterThan(1);
    expect(JSON.stringify(spans)).not.toContain(PROMPT);
    expect(lines.find(({ msg }) => msg === 'job ended')).toMatchObject({ job: job?.id });
  });
});
