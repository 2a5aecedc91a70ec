import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFakeServer, type FakeServer } from '../support/fake-server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
let server: FakeServer;
let folder: string;
const installed = (name: string) => join(folder, 'node_modules', name);

/** A project of somebody else, with the built package and its dependencies installed. */
beforeAll(async () => {
  server = await startFakeServer();
  folder = await mkdtemp(join(tmpdir(), 'cinegraph-client-'));
  await run(process.execPath, [join(ROOT, 'scripts/build-client.ts'), installed('cinegraph-client')]);
  for (const name of ['graphql-ws', 'graphql', '@graphql-typed-document-node', 'react', '@types']) {
    await mkdir(join(folder, 'node_modules'), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), installed(name));
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await server.close(1000);
});

it('runs in plain Node, by its name', async () => {
  await writeFile(
    join(folder, 'consumer.js'),
    `import { createCinegraphClient, InputError } from 'cinegraph-client';
    import { useGeneration } from 'cinegraph-client/react';
    const client = createCinegraphClient({ url: process.argv[2] });
    const job = await client.textToVideo({ prompt: 'a red ball' });
    for await (const event of job.events()) {
      console.log(event.seq, event.__typename, typeof useGeneration);
      if (event.seq === 1) await job.cancel();
    }
    await client.textToVideo({ prompt: '' }).catch((error) => console.log(error instanceof InputError, error.code));
    // No client.close(): nothing may keep the process.`,
  );
  const { stdout } = await run(process.execPath, ['consumer.js', server.url], { cwd: folder, timeout: 60_000 });
  expect(stdout.trim().split('\n')).toEqual(['1 JobQueued function', '2 JobFinished function', 'true PROMPT_EMPTY']);
});

it('has types that hold without those of Node, and that refuse what the server would refuse', async () => {
  await writeFile(
    join(folder, 'consumer.ts'),
    `import { createCinegraphClient, type Asset, type JobEvent, type VideoAsset } from 'cinegraph-client';
    import { useGeneration } from 'cinegraph-client/react';
    const client = createCinegraphClient({ url: location.origin, token: async () => 'key' });
    const job = await client.textToVideo({ prompt: 'a', seed: 1 });
    for await (const event of job.events()) if (event.__typename === 'TokensGenerated') event.tokensDone.toFixed();
    const assets: Asset[] = [];
    for await (const asset of client.assets({ filter: { kind: ['VIDEO'] } })) assets.push(asset);
    export const durations = assets.map((asset) => (asset.__typename === 'VideoAsset' ? asset.durationMs : 0));
    export const urls = (clip: VideoAsset): string[] => [clip.url, clip.webmUrl, clip.gifUrl, clip.webpUrl, clip.spriteSheet.url];
    export const webm = (clip: VideoAsset): Promise<Uint8Array> => client.download({ url: clip.webmUrl });
    export const names = (event: JobEvent): string => event.__typename;
    export const Clip = (): string => useGeneration(client).phase;
    // @ts-expect-error -- there is no such kind
    client.assets({ filter: { kind: ['HOLOGRAM'] } });
    // @ts-expect-error -- exactly one task
    client.generate({ textToVideo: { prompt: 'a' }, textToImage: { prompt: 'b' } });
    // @ts-expect-error -- a prompt is needed
    client.textToVideo({ seed: 1 });
    // @ts-expect-error -- tokensDone is not in every event
    export const wrong = (event: JobEvent): number => event.tokensDone;\n`,
  );
  const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, module: 'esnext', moduleResolution: 'bundler', target: 'es2023', lib: ['ES2023', 'DOM'], types: [], noEmit: true };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const result = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch((error: { stdout: string }) => error);
  expect(result.stdout).toBe('');
});

it('ships what its exports name, and imports nothing but its dependencies', async () => {
  const manifest = JSON.parse(await readFile(join(installed('cinegraph-client'), 'package.json'), 'utf8')) as {
    readonly exports: Record<string, string | Record<string, string>>;
    readonly dependencies: Record<string, string>;
    readonly peerDependencies: Record<string, string>;
  };
  const files = await readdir(installed('cinegraph-client'), { recursive: true });
  const named = Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target)));
  expect(named.length).toBeGreaterThan(3);
  for (const file of named) expect(files).toContain(file.replace('./', ''));

  const allowed = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)];
  const scripts = files.filter((file) => file.endsWith('.js'));
  expect(scripts.length).toBeGreaterThan(8);
  for (const file of scripts) {
    const text = await readFile(join(installed('cinegraph-client'), file), 'utf8');
    const imports = [...text.matchAll(/from '([^'.][^']*)'/g)].map(([, name = '']) => name);
    expect(imports.filter((name) => !allowed.some((dependency) => name === dependency || name.startsWith(`${dependency}/`)))).toEqual([]);
    expect(text).not.toMatch(/\b(process|Buffer|require)\b[.(]/);
  }
});

it('asks for the versions that this repository tests', async () => {
  const own = JSON.parse(await readFile(join(ROOT, 'src/client/package.json'), 'utf8')) as { readonly version: string; readonly dependencies: Record<string, string> };
  const root = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string; readonly dependencies: Record<string, string>; readonly devDependencies: Record<string, string> };
  expect(own.version).toBe(root.version);
  const tested = { ...root.devDependencies, ...root.dependencies };
  for (const [name, version] of Object.entries(own.dependencies)) expect([name, tested[name]]).toEqual([name, version]);
});
