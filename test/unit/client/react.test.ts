import { Window } from 'happy-dom';
import { act, createElement, StrictMode } from 'react';
import type { Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createCinegraphClient, type CinegraphClient } from '../../../src/client/index.ts';
import { useGeneration, type Generation } from '../../../src/client/react.ts';
import { startFakeServer, type FakeServer } from '../../support/fake-server.ts';

let server: FakeServer;
let client: CinegraphClient;
let root: Root;
let clip: Generation;
const WAIT = { timeout: 60_000 };

/** A component that shows one generation, on a page that is not drawn. */
function Clip(): null {
  clip = useGeneration(client);
  return null;
}

beforeEach(async () => {
  const window = new Window();
  vi.stubGlobal('window', window);
  vi.stubGlobal('document', window.document);
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  server = await startFakeServer();
  client = createCinegraphClient({ url: server.url });
  const { createRoot } = await import('react-dom/client');
  root = createRoot(window.document.body as unknown as HTMLElement);
  await act(async () => root.render(createElement(StrictMode, null, createElement(Clip))));
});
afterEach(async () => {
  await act(async () => root.unmount());
  client.close();
  await server.close(1000);
  vi.unstubAllGlobals();
});

const until = (check: () => void) => vi.waitFor(async () => {
  await act(async () => undefined);
  check();
}, WAIT);
const uuid = () => Buffer.from(clip.job?.id ?? '', 'base64url').toString().slice('Job:'.length);

it('shows a generation from its start to its asset', async () => {
  expect(clip.phase).toBe('idle');
  await act(async () => clip.start({ textToVideo: { prompt: 'a red ball' } }));
  await until(() => expect(clip.phase).toBe('queued'));
  const { services } = server;
  services.emit(uuid(), { type: 'JobStarted', tokensTotal: 90, executionProvider: 'cpu' });
  services.emit(uuid(), { type: 'TokensGenerated', tokensDone: 30, tokensTotal: 90, tokensPerSecond: 10, etaMs: 6000 });
  const frames = [0, 1].map((index) => ({ index, width: 16, height: 16 }));
  services.emit(uuid(), { type: 'FramesDecoded', candidate: 0, firstFrame: 0, final: false, frames });
  services.emit(uuid(), { type: 'FramesDecoded', candidate: 0, firstFrame: 0, final: true, frames: frames.slice(0, 1) });
  await until(() => expect(clip.frames[0]?.map((frame) => [frame.index, frame.final])).toEqual([[0, true], [1, false]]));
  expect(clip).toMatchObject({ phase: 'running', tokensDone: 30, tokensTotal: 90, etaMs: 6000 });
  expect(clip.frames[0]?.[0]?.dataUrl).toMatch(/^data:image\/webp;/);
  const asset = services.addAsset(uuid());
  services.emit(uuid(), { type: 'AssetReady', assetId: asset.id, candidate: 0 });
  const warnings = [{ code: 'WORDS_UNKNOWN', message: 'The model never met "ball".' }];
  services.update(uuid(), { status: 'SUCCEEDED', finishedAt: new Date(), warnings });
  services.emit(uuid(), { type: 'JobFinished', status: 'SUCCEEDED' });
  await until(() => expect(clip.phase).toBe('succeeded'));
  expect(clip.warnings).toMatchObject(warnings);
  expect(clip.assets).toMatchObject([{ __typename: 'VideoAsset', sha256: asset.sha256 }]);
  expect(clip.error).toBeNull();
});

it('cancels', async () => {
  await act(async () => clip.start({ textToImage: { prompt: 'a red ball' } }));
  await until(() => expect(clip.phase).toBe('queued'));
  await act(async () => clip.cancel());
  await until(() => expect(clip.phase).toBe('canceled'));
});

it('says why it was refused, and starts again', async () => {
  await act(async () => clip.start({ textToVideo: { prompt: '' } }));
  await until(() => expect(clip.phase).toBe('failed'));
  expect(clip.error).toMatchObject({ name: 'InputError', code: 'PROMPT_EMPTY', field: ['input', 'prompt'] });
  await act(async () => clip.start({ textToVideo: { prompt: 'a red ball' } }));
  await until(() => expect(clip.phase).toBe('queued'));
  expect(clip.error).toBeNull();
  await act(async () => clip.reset());
  expect(clip.phase).toBe('idle');
});

it('takes up a job that was made before, and lets go of it when the component is gone', async () => {
  const job = await client.textToVideo({ prompt: 'a red ball' });
  await act(async () => clip.attach(job.id));
  await until(() => expect([clip.phase, clip.job?.id, server.services.followers]).toEqual(['queued', job.id, 1]));
  await act(async () => root.render(null));
  await vi.waitFor(() => expect(server.services.followers).toBe(0), WAIT);
  expect((await job.reload()).status).toBe('QUEUED');
});
