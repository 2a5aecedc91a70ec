import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient } from '../../src/client/index.ts';
import { allEvents } from '../support/graphql-client.ts';
import { SHIPPED } from '../support/studio.ts';
import { allGone, descendants, launch, runProgram, startProgram, temporaryFolder, type Program } from '../support/server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe('a start that cannot work says so in one line and fails', () => {
  it('port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await runProgram('src/main.ts', [], { DATA_DIR: folder.path, PORT: String(port) });
    other.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`PORT_IN_USE: Port ${port}`);
  });

  it.each([
    ['an address that others can reach', { HOST: '0.0.0.0' }, /CONFIG_INVALID: HOST .*CINEGRAPH_ALLOW_PUBLIC=1/],
    ['a wrong value', { EXECUTION_PROVIDER: 'gpu' }, /CONFIG_INVALID: EXECUTION_PROVIDER is "gpu"; allowed: auto, cuda, webgpu or cpu/],
    ['a folder without a model', { MODEL_DIR: '/nowhere' }, /BUNDLE_CORRUPT: The model bundle .* point MODEL_DIR at a complete bundle/],
    ['a database that is not there', { DATABASE_URL: 'postgres://127.0.0.1:9/none' }, /DATABASE_UNAVAILABLE: The database of DATABASE_URL, 127.0.0.1:9\/none, .*ECONNREFUSED/],
    ['a NATS server that is not there', { NATS_URL: 'nats://user:pass@127.0.0.1:9' }, /BUS_UNAVAILABLE: The NATS server of NATS_URL, 127.0.0.1:9, cannot/],
  ])('%s', async (_what, env, message) => {
    const { code, stderr } = await runProgram('src/main.ts', [], { DATA_DIR: folder.path, LOG_LEVEL: 'silent', ...env });
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  });
});

it('a start that is stopped ends without a fault', async () => {
  const folderOfItsOwn = await temporaryFolder();
  const program = launch('src/main.ts', [], { ...SHIPPED, DATA_DIR: folderOfItsOwn.path });
  await program.says('listening');
  program.signal('SIGINT');
  expect(await program.exit()).toEqual({ code: 0, signal: null });
  expect(program.output()).not.toContain('"level":50');
  await folderOfItsOwn.remove();
});

it('a compile cache that cannot be written to is done without', async () => {
  const file = join(folder.path, 'a-file');
  await writeFile(file, '');
  const { code, stderr } = await runProgram('src/main.ts', [], { DATA_DIR: folder.path, NODE_COMPILE_CACHE: join(file, 'compiled'), MODEL_DIR: '/nowhere', LOG_LEVEL: 'silent' });
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^Cinegraph cannot run\. BUNDLE_CORRUPT/)]);
});

describe('a program that runs', () => {
  let program: Program;
  const start = () => startProgram({ DATA_DIR: folder.path });
  beforeAll(async () => {
    program = await start();
  });
  afterAll(() => program.stop());

  it('keeps its data folder to itself', async () => {
    const { code, stderr } = await runProgram('src/main.ts', [], { DATA_DIR: folder.path });
    expect([code, stderr]).toEqual([1, expect.stringContaining('DATA_DIR_LOCKED')]);
  });

  it('tells a second one on its port what runs there', async () => {
    const { code, stderr } = await runProgram('src/main.ts', [], { DATA_DIR: folder.path, PORT: new URL(program.url).port });
    expect([code, stderr]).toEqual([1, expect.stringContaining(`a Cinegraph runs there: ${program.url}`)]);
  });

  it('says where it is', () => {
    expect(program.output()).toContain(`${program.url}/graphiql`);
  });

  it('stops on SIGINT in the middle of a clip, with no process left, and hands the job back', async () => {
    const client = createCinegraphClient({ url: program.url });
    const children = await descendants(program.pid);
    expect(children.length).toBeGreaterThan(1);
    const job = await client.textToVideo({ prompt: 'a red ball', seed: 2, candidates: 4, durationMs: 30_000 });
    for await (const event of client.watchJob(job.id)) if (event.__typename === 'JobStarted') break;
    program.signal('SIGINT');
    expect(await program.exit()).toEqual({ code: 0, signal: null });
    await allGone(children);

    program = await start();
    const events = await allEvents(program.url, job.id);
    expect(events.filter((event) => event.__typename === 'AssetReady').length).toBe(4);
    expect(events.filter((event) => event.__typename === 'JobStarted').length).toBeGreaterThan(1);
    expect(events.at(-1)).toMatchObject({ __typename: 'JobFinished', job: { status: 'SUCCEEDED', outputs: [0, 1, 2, 3].map((candidate) => ({ candidate })) } });
  });
});
