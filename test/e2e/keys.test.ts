import { join } from 'node:path';
import { createClient } from 'graphql-ws/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphql } from '../support/fake-server.ts';
import { runProgram, startProgram, temporaryFolder, type Program } from '../support/server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let program: Program;
beforeAll(async () => {
  folder = await temporaryFolder();
  program = await startProgram({ DATA_DIR: folder.path, HOST: '127.0.0.1', AUTH: 'required' });
});
afterAll(async () => {
  await program.stop();
  await folder.remove();
});

const keys = (...args: string[]) => runProgram('src/cli/keys.ts', args, { DATA_DIR: folder.path });
const WHO = '{ viewer { ownerId role scopes } }';

describe('npm run keys', () => {
  let id: string;
  let secret: string;

  it('is what a server that wants a key tells of when it is ready', async () => {
    await program.says('Ready.');
    await expect.poll(() => program.output()).toContain('npm run keys -- create');
  });

  it('makes a key beside a running server, which takes it at once', async () => {
    const { code, stdout, stderr } = await keys('create', '--name', 'web app', '--owner', 'ada', '--scopes', 'read', '--expires', '90d');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^cg_[\w-]{43}\n$/)]);
    expect(stderr).toContain(`the database in ${folder.path} (DATA_DIR)`);
    secret = stdout.trim();
    id = /^[0-9a-f-]{36}/.exec(stderr)?.[0] ?? '';
    expect((await graphql(program.url, WHO)).status).toBe(401);
    expect((await graphql(program.url, WHO, {}, secret)).data).toEqual({ viewer: { ownerId: 'ada', role: 'USER', scopes: ['READ'] } });
  });

  it('lists it without its secret', async () => {
    const { stdout } = await keys('list');
    expect(stdout).toContain(`${id}  ${secret.slice(0, 9)}...  owner ada  user  read  expires`);
    expect(stdout).not.toContain(secret);
    expect((await keys('list', '--owner', 'bob')).stdout).toBe('');
  });

  it('opens that server to `npm run generate`, which says what to do without one', async () => {
    const generate = (env: Record<string, string>) => runProgram('src/cli/generate.ts', ['a red ball', '--image', '-o', join(folder.path, 'ball.png'), '--url', program.url], env);
    const { stdout } = await keys('create', '--name', 'cli', '--owner', 'ada');
    expect(await generate({})).toMatchObject({ code: 2, stderr: expect.stringMatching(/UNAUTHENTICATED: .*CINEGRAPH_API_KEY or --api-key/) });
    expect(await generate({ CINEGRAPH_API_KEY: stdout.trim() })).toMatchObject({ code: 0, stdout: expect.stringContaining('ball.png') });
    expect((await generate({ CINEGRAPH_API_KEY: secret })).stderr, 'this key may only read').toContain('FORBIDDEN');
    await keys('revoke', /^[0-9a-f-]{36}/.exec((await keys('list', '--owner', 'ada')).stdout)?.[0] ?? '');
  });

  it('revokes it: its socket closes with 4403, and it opens nothing more', async () => {
    const client = createClient({ url: `${program.url.replace('http', 'ws')}/graphql`, connectionParams: { authorization: `Bearer ${secret}` }, lazy: false, retryAttempts: 0, onNonLazyError: () => undefined });
    const closed = Promise.withResolvers<{ code: number }>();
    const connected = Promise.withResolvers<void>();
    client.on('connected', () => connected.resolve());
    client.on('closed', (event) => closed.resolve(event as { code: number }));
    await connected.promise;
    expect(await keys('revoke', id)).toMatchObject({ code: 0, stdout: expect.stringContaining('revoked') });
    expect((await closed.promise).code).toBe(4403);
    expect((await graphql(program.url, WHO, {}, secret)).status).toBe(401);
    expect((await keys('list')).stdout).toBe('');
    expect((await keys('list', '--all')).stdout).toContain(id);
  });

  it.each([
    ['create'],
    ['create', '--name', 'a', '--scopes', 'everything'],
    ['create', '--name', 'a', '--expires', 'soon'],
    ['create', '--name', 'a', '--role', 'king'],
  ])('says what is wrong: case %#', async (...args) => {
    const { code, stdout, stderr } = await keys(...args);
    expect([code, stdout, stderr.length > 10]).toEqual([2, '', true]);
  });

  it('names what it does not find', async () => {
    expect(await keys('revoke', 'nonsense')).toMatchObject({ code: 1, stderr: expect.stringContaining('NOT_FOUND') });
  });

  it('works without a server, too', async () => {
    await program.stop();
    expect(await keys('create', '--name', 'offline')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^cg_/) });
    expect((await keys('list')).stdout).toContain('owner local');
  });
});
