import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BMFF, PNG } from '@trustnxt/c2pa-ts/asset';
import { SuperBox } from '@trustnxt/c2pa-ts/jumbf';
import { ManifestStore } from '@trustnxt/c2pa-ts/manifest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInferenceClient } from '../../src/inference/index.ts';
import type { InferenceClient } from '../../src/inference/core/generation.ts';
import { Credentials, type Provenance } from '../../src/media/credentials/credentials.ts';
import { ownIdentity, readIdentity } from '../../src/media/credentials/identity.ts';
import type { RunningServer } from '../../src/server/server.ts';
import type { AssetRecord } from '../../src/services/contract.ts';
import { collectEvents, type DataStack, openDataStack, silent } from '../support/data-stack.ts';
import { graphql } from '../support/fake-server.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { mp4, png, wav, webp } from '../support/media-files.ts';
import { startStackServer } from '../support/stack-server.ts';
import { LOCAL_CALLER } from '../../src/services/access/caller.ts';

const PROVENANCE: Provenance = { version: 'test', title: 'a clip', model: { name: 'tiny', digest: 'd'.repeat(64) }, task: 'TEXT_TO_VIDEO', seed: 7, jobId: 'job', assetId: 'asset', parents: [{ assetId: 'parent', sha256: 'e'.repeat(64) }] };
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

// The reader knows the boxes of an MP4, and asks for the brands of pictures alone.
(Reflect.get(BMFF, 'canReadBrands') as Set<string>).add('isom');

/** Another implementation of C2PA than the one that signs: pure TypeScript, from another house. */
async function verify(bytes: Buffer): Promise<{ readonly valid: boolean; readonly codes: readonly string[]; readonly store: ManifestStore }> {
  const asset = PNG.canRead(bytes) ? new PNG(bytes) : new BMFF(bytes);
  const store = ManifestStore.read(SuperBox.fromBuffer(Uint8Array.from(asset.getManifestJUMBF() ?? [])));
  const { isValid, statusEntries } = await store.validate(asset);
  return { valid: isValid, codes: statusEntries.filter(({ success }) => success === false).map(({ code }) => code), store };
}

/** One bit of the picture itself: the last bytes of both kinds are content or its checksum. */
function tampered(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 40] = (copy[copy.length - 40] ?? 0) ^ 1;
  return copy;
}

describe('content credentials', () => {
  let folder: string;
  let credentials: Credentials;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cinegraph-credentials-'));
    credentials = new Credentials({ log: silent, identity: () => ownIdentity(folder) });
  });
  afterAll(async () => {
    await credentials.close();
    await rm(folder, { recursive: true, force: true });
  });

  const files = [
    { type: 'video/mp4', make: () => mp4(), independent: true },
    { type: 'image/png', make: () => png(), independent: true },
    { type: 'audio/wav', make: async () => wav(), independent: false },
    { type: 'image/webp', make: () => webp(), independent: false },
  ];
  it.each(files)('signs $type; a changed bit is noticed', async ({ type, make, independent }) => {
    const signed = await credentials.sign(await make(), type, PROVENANCE);
    expect(await credentials.read(signed, type)).toEqual({ state: 'VALID', generator: 'Cinegraph test', issuer: 'Cinegraph', signedAt: null, synthetic: true });
    expect(await credentials.read(tampered(signed), type)).toMatchObject({ state: 'INVALID' });
    for (const said of ['tiny', 'd'.repeat(64), 'e'.repeat(64), 'TEXT_TO_VIDEO']) expect([said, signed.includes(said)]).toEqual([said, true]);
    if (!independent) return;
    expect(await verify(signed)).toMatchObject({ valid: true, codes: [] });
    expect(await verify(tampered(signed))).toMatchObject({ valid: false, codes: [expect.stringMatching(/^assertion\.(bmff|data)Hash\.mismatch$/)] });
  }, 180_000);

  it('says nothing of a file that says nothing, and of kinds that cannot', async () => {
    expect(await credentials.read(await png(), 'image/png')).toBeNull();
    expect(await credentials.read(Buffer.from('c2pa'), 'text/plain')).toBeNull();
    expect([credentials.signs('video/webm', 1), credentials.signs('image/gif', 1), credentials.signs('video/mp4', 2 ** 28)]).toEqual([false, false, false]);
  });

  it('keeps one identity for a data folder, and refuses files that do not belong together', async () => {
    const [one, two] = await Promise.all([ownIdentity(folder), ownIdentity(folder)]);
    expect(one).toEqual(two);
    expect(await readdir(join(folder, 'credentials'))).toEqual(['certificates.pem', 'key.pem']);
    const other = join(folder, 'other');
    await ownIdentity(other);
    await expect(readIdentity({ certificates: join(folder, 'credentials/certificates.pem'), privateKey: join(other, 'credentials/key.pem') })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(readIdentity({ certificates: join(folder, 'none.pem'), privateKey: join(folder, 'none.pem') })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a server that signs', () => {
  let folder: string;
  let inference: InferenceClient;
  let stack: DataStack;
  let server: RunningServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cinegraph-credentials-'));
    inference = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1 });
    stack = await openDataStack({ inference, identity: () => ownIdentity(folder) });
    server = await startStackServer(stack);
  });
  afterAll(async () => {
    await server?.close(1000);
    await stack?.[Symbol.asyncDispose]();
    await inference?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const VIEWER = { ownerId: LOCAL_CALLER.ownerId };
  const made = async (input: Parameters<typeof stack.services.generation.generate>[1]): Promise<AssetRecord> => {
    const job = await stack.services.generation.generate(VIEWER, input);
    await collectEvents(stack.services, job.id, 0, VIEWER);
    const [[asset]] = await stack.services.assets.byJobIds(VIEWER, [job.id]) as [[AssetRecord]];
    return asset;
  };
  const urlOf = async (asset: AssetRecord): Promise<string> => {
    const { data } = await graphql(server.url, '{ assets(first: 100) { edges { node { sha256 url } } } }');
    return data.assets.edges.find(({ node }: { node: { sha256: string } }) => node.sha256 === asset.sha256).node.url;
  };
  const fetched = async (url: string): Promise<Buffer> => Buffer.from(await (await fetch(url)).arrayBuffer());
  const upload = async (bytes: Buffer, contentType: string) => {
    const { data } = await graphql(server.url, 'mutation($input: CreateUploadInput!) { createUpload(input: $input) { uploadId uploadUrl } }', { input: { filename: 'a', contentType, byteSize: bytes.length } });
    await fetch(data.createUpload.uploadUrl, { method: 'PUT', body: new Uint8Array(bytes) });
    return (await graphql(server.url, 'mutation($uploadId: ID!) { finalizeUpload(input: { uploadId: $uploadId }) { asset { claim { state generator issuer signedAt synthetic } } userErrors { code } } }', { uploadId: data.createUpload.uploadId })).data.finalizeUpload;
  };

  it('gives a clip as it is to be shown, and signed to be downloaded: with the model, the seed and the parents', async () => {
    const runner = await stack.startRunner();
    const picture = await made({ task: 'TEXT_TO_IMAGE', prompt: 'a red square', seed: 5 });
    const clip = await made({ task: 'IMAGE_TO_VIDEO', prompt: 'it moves', seed: 6, image: picture.id });
    const url = await urlOf(clip);
    expect(sha256(await fetched(url))).toBe(clip.sha256);
    const signed = await fetched(`${url}&download=1`);
    const { valid, codes } = await verify(signed);
    expect([valid, codes]).toEqual([true, []]);
    const { rows: [job] } = await stack.database.pool.query<{ name: string; digest: string }>('SELECT model_name AS name, model_digest AS digest FROM job WHERE id = $1', [clip.jobId]);
    for (const said of [job?.name ?? '?', job?.digest ?? '?', picture.id, picture.sha256, clip.jobId ?? '?']) expect([said, signed.includes(said)]).toEqual([said, true]);
    expect((await verify(tampered(signed))).valid).toBe(false);
    expect(await fetched(`${url}&download=1`), 'made once and kept').toEqual(signed);

    const again = await made({ task: 'IMAGE_TO_VIDEO', prompt: 'it moves', seed: 6, image: picture.id });
    await runner.stop({ graceMs: 1000 });
    expect(again.sha256, 'the same seed, the same bytes: what is kept is not signed').toBe(clip.sha256);

    expect(await upload(signed, 'video/mp4'), 'brought back').toMatchObject({ asset: { claim: { state: 'VALID', generator: 'Cinegraph test', issuer: 'Cinegraph', synthetic: true } }, userErrors: [] });
  }, 300_000);

  it('notes what an upload claims, whether it holds, and that another claims nothing', async () => {
    const credentials = new Credentials({ log: silent, identity: () => ownIdentity(folder) });
    const signed = await credentials.sign(await png(), 'image/png', PROVENANCE);
    await credentials.close();
    // A changed claim, in a picture that can still be decoded.
    const forged = Buffer.from(signed);
    forged.write('tinz', forged.indexOf('tiny'));
    const end = forged.indexOf('caBX') - 4;
    const length = forged.readUInt32BE(end);
    const { crc32 } = await import('node:zlib');
    forged.writeUInt32BE(crc32(forged.subarray(end + 4, end + 8 + length)), end + 8 + length);
    expect((await upload(forged, 'image/png')).asset.claim).toMatchObject({ state: 'INVALID' });
    expect((await upload(await png(65, 48), 'image/png')).asset.claim).toBeNull();
  }, 180_000);

  it('does not sign what it did not make', async () => {
    const bytes = await png(66, 48);
    await upload(bytes, 'image/png');
    const { data } = await graphql(server.url, '{ assets(first: 100) { edges { node { sha256 url } } } }');
    const { node } = data.assets.edges.find((edge: { node: { sha256: string } }) => edge.node.sha256 === sha256(bytes));
    expect(await fetched(`${node.url}&download=1`)).toEqual(bytes);
  });
});
