import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient } from '../../src/client/index.ts';
import { VERSION } from '../../src/version.ts';
import { apollo, cinegraph, graphqlSse, graphqlWs, urql } from '../support/outside-clients.ts';
import { between, seeded } from '../support/seeded.ts';
import { startProgram, temporaryFolder, type Program } from '../support/server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let program: Program;
beforeAll(async () => {
  folder = await temporaryFolder();
  program = await startProgram({ DATA_DIR: folder.path });
});
afterAll(async () => {
  await program?.stop();
  await folder?.remove();
});

const CUTS = 5;

describe.each([
  ['Apollo Client 4', apollo, 41],
  ['urql 5', urql, 42],
  ['graphql-ws', graphqlWs, 43],
  ['graphql-sse', graphqlSse, 44],
  ['our own client', cinegraph, 45],
])('%s', (_name, connect, seed) => {
  it('runs a query, a mutation and a subscription, and sees every event once over five cuts', async () => {
    const direct = connect(program.url);
    expect(await direct.version()).toBe(VERSION);
    const id = (await direct.generate('a red ball')) ?? '';
    const random = seeded(seed);
    const limits = Array.from({ length: CUTS }, () => between(random, 200, 2000));
    const proxy = await startTcpProxy({ target: Number(new URL(program.url).port), limits });
    const cut = connect(`http://127.0.0.1:${proxy.port}`);
    const seen = await cut.follow(id);
    const job = await createCinegraphClient({ url: program.url }).job(id);
    expect(job?.status).toBe('SUCCEEDED');
    expect(seen).toEqual(Array.from({ length: job?.lastSeq ?? 0 }, (_, index) => index + 1));
    expect(proxy.cuts).toBe(CUTS);
    await Promise.all([direct.close(), cut.close()]);
    await proxy.close();
  });
});
