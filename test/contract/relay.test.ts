import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { printSchema } from 'graphql';
import { fetchQuery, requestSubscription, type GraphQLTaggedNode } from 'relay-runtime';
import { build, preview } from 'vite';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createEnvironment } from '../../examples/relay/src/environment.ts';
import { createCinegraphClient } from '../../src/client/index.ts';
import { loadSchema } from '../../src/server/graphql/schema.ts';
import { hasChromium, launchBrowser } from '../support/browser.ts';
import { graphql, startFakeServer, type FakeServer } from '../support/fake-server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const APP = resolve(ROOT, 'examples/relay');
const run = promisify(execFile);
let server: FakeServer;
let compiled: string;
beforeAll(async () => {
  server = await startFakeServer();
  await rm(resolve(APP, 'src/__generated__'), { recursive: true, force: true });
  await writeFile(resolve(APP, 'schema.graphql'), printSchema(loadSchema()));
  const { stdout, stderr } = await run(process.execPath, [resolve(ROOT, 'node_modules/relay-compiler/cli.js'), 'relay.config.json'], { cwd: APP });
  compiled = stdout + stderr;
});
afterAll(() => server.close(1000));

async function artifact(name: string): Promise<GraphQLTaggedNode> {
  const module = (await import(/* @vite-ignore */ resolve(APP, `src/__generated__/${name}.graphql.ts`))) as { readonly default: GraphQLTaggedNode };
  return module.default;
}

it('compiles the example app, and its types hold', async () => {
  expect(compiled).toContain('Compilation completed');
  const { stdout } = await run(process.execPath, [resolve(ROOT, 'node_modules/typescript/bin/tsc'), '-p', APP]).catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
});

it('runs its operations: pages, one clip again by its id, the events of a job', async () => {
  const environment = createEnvironment(server.url);
  const client = createCinegraphClient({ url: server.url });
  const job = await client.textToVideo({ prompt: 'a' });
  const uuid = Buffer.from(job.id, 'base64url').toString().slice('Job:'.length);
  for (const candidate of [0, 1, 2]) server.services.addAsset(uuid, candidate);

  const page = await artifact('clipsPageQuery');
  const ask = async (cursor: string | null) => fetchQuery(environment, page, { count: 2, cursor }).toPromise();
  await ask(null);
  const source = environment.getStore().getSource();
  const clips = () => source.getRecordIDs().filter((id) => source.get(id)?.['__typename'] === 'VideoAsset');
  expect(clips().length).toBe(2);
  const { pageInfo } = await client.assets({ pageSize: 2 }).page();
  await ask(pageInfo.endCursor);
  expect(clips().length).toBe(3);

  const [id = ''] = clips();
  environment.commitUpdate((store) => void store.get(id)?.setValue(0, 'durationMs'));
  await fetchQuery(environment, await artifact('clipRefetchQuery'), { id }, { fetchPolicy: 'network-only' }).toPromise();
  expect(environment.getStore().getSource().get(id)?.['durationMs']).toBe(1125);

  const subscription = await artifact('progressSubscription');
  const ended = new Promise<void>((done, fail) => {
    requestSubscription(environment, { subscription, variables: { jobId: job.id }, onCompleted: done, onError: fail });
  });
  server.services.update(uuid, { status: 'SUCCEEDED', finishedAt: new Date() });
  server.services.emit(uuid, { type: 'JobFinished', status: 'SUCCEEDED' });
  await ended;
  expect(source.get(job.id)?.['status']).toBe('SUCCEEDED');
});

it.runIf(hasChromium)('shows in a browser what it makes', async () => {
  const { url, services, close } = await startFakeServer();
  const outDir = await mkdtemp(join(tmpdir(), 'cinegraph-relay-'));
  vi.stubEnv('VITE_CINEGRAPH_URL', url);
  const options = { root: APP, logLevel: 'silent', build: { outDir, emptyOutDir: true } } as const;
  await build(options);
  vi.unstubAllEnvs();
  const pages = await preview({ ...options, preview: { port: 0 } });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(pages.resolvedUrls?.local[0] ?? '');
    await page.getByRole('button', { name: 'Make "a rocket moves up at night"' }).click();
    await page.locator('progress').waitFor();
    const { data } = await graphql(url, '{ jobs(first: 1) { nodes { id } } }');
    const job = Buffer.from(data.jobs.nodes[0].id as string, 'base64url').toString().slice('Job:'.length);
    services.emit(job, { type: 'JobStarted', tokensTotal: 90, executionProvider: 'cpu' });
    services.emit(job, { type: 'FramesDecoded', candidate: 0, firstFrame: 0, final: true, frames: [{ index: 0, width: 16, height: 16 }] });
    await page.getByAltText('The newest frame').waitFor();
    services.addAsset(job);
    services.update(job, { status: 'SUCCEEDED', finishedAt: new Date() });
    services.emit(job, { type: 'JobFinished', status: 'SUCCEEDED' });
    await page.locator('section video').waitFor();
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
    await pages.close();
    await close(1000);
    await rm(outDir, { recursive: true });
  }
});
