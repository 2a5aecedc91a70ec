import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { printSchema } from 'graphql';
import { fetchQuery, requestSubscription, type GraphQLTaggedNode } from 'relay-runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEnvironment } from '../../examples/relay/src/environment.ts';
import { createCinegraphClient } from '../../src/client/index.ts';
import { loadSchema } from '../../src/server/graphql/schema.ts';
import { startFakeServer, type FakeServer } from '../support/fake-server.ts';

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
