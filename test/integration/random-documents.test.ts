/** 2,000 random documents over the real server and a real database: each gets an answer, and none of them a fault of ours. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { toGlobalId } from '../../src/resolvers/global-id.ts';
import { loadSchema } from '../../src/server/graphql/schema.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { LOCAL_CALLER } from '../../src/services/access/caller.ts';
import { openDataStack, type DataStack } from '../support/data-stack.ts';
import { graphql } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { fillLibrary } from '../support/library.ts';
import { randomDocument } from '../support/random-document.ts';
import { seeded } from '../support/seeded.ts';
import { startStackServer } from '../support/stack-server.ts';

const DOCUMENTS = 2000;
const AT_ONCE = 8;
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_127);
const schema = loadSchema();
let inference: InferenceClient;
let stack: DataStack;
let server: RunningServer;
let ids: string[];

beforeAll(async () => {
  inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
  await inference.ready();
  stack = await openDataStack({ inference, maxQueuedJobs: 50 });
  server = await startStackServer(stack);
  const { jobs, assets } = await fillLibrary(stack.database, LOCAL_CALLER.ownerId, 12);
  ids = [...jobs.map((id) => toGlobalId('Job', id)), ...assets.map((id) => toGlobalId('Asset', id))];
});
afterAll(async () => {
  await server.close(1000);
  await stack[Symbol.asyncDispose]();
  await inference.close();
});

it(`answers ${DOCUMENTS} random documents without a fault of ours`, { timeout: 600_000 }, async () => {
  const random = seeded(SEED);
  const documents = Array.from({ length: DOCUMENTS }, () => randomDocument(schema, { random, ids }));
  const faults: string[] = [];
  const outcomes = { data: 0, refused: 0 };
  await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, worker) => {
      for (let index = worker; index < documents.length; index += AT_ONCE) {
        const document = documents[index] ?? '';
        const { data, errors } = await graphql(server.url, document);
        const codes = (errors ?? []).map((error) => error.extensions['code']);
        if (codes.includes('INTERNAL') || codes.includes('INTERNAL_SERVER_ERROR') || codes.includes(undefined)) faults.push(`${document}\n${JSON.stringify(errors)}`);
        if (data == null) outcomes.refused += 1;
        else outcomes.data += 1;
      }
    }),
  );
  expect(faults.slice(0, 5).join('\n\n')).toBe('');
  console.log(`seed ${SEED}: ${outcomes.data} with data, ${outcomes.refused} refused`);
  // A generator whose documents are all refused would prove nothing.
  expect(outcomes.data).toBeGreaterThan(DOCUMENTS / 4);
  expect((await fetch(`${server.url}/health/live`)).ok).toBe(true);
});
