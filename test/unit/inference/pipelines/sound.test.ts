import { afterAll, beforeAll, expect, it } from 'vitest';
import { Sequence } from '../../../../src/inference/core/sequence.ts';
import { AudioGrid } from '../../../../src/inference/tokenizers/audio-grid.ts';
import { AudioOutput } from '../../../../src/inference/tokenizers/audio-output.ts';
import { TokenLayout } from '../../../../src/inference/tokenizers/token-layout.ts';
import { collect, makeRequest, makeSequence, openEngine, openGenerator, openTinyInference, runToEnd, type TinyInference } from '../../../support/inference.ts';

const never = new AbortController().signal;
let tiny: TinyInference;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterAll(async () => await tiny.models.close());

it('a later window of a sound is what a sequence makes that is given the last codes before it, and sees its part of the clip', async () => {
  const engine = openEngine(tiny);
  // Seven latent frames: the second window sees 4, 5, 6, and 6 again.
  const video = Int32Array.from({ length: 7 * 16 }, (_, i) => (i * 37) % 1280);
  const request = makeRequest({ task: 'VIDEO_TO_AUDIO', prompt: '', video, seed: 5 });
  const events = await collect(openGenerator(tiny, engine).generate(request, never));
  const codes = events.flatMap((event) => (event.type === 'codes' ? [...event.codes] : []));
  expect(codes).toHaveLength(103 * 2);

  const shown = Int32Array.from([4, 5, 6, 6, 6].flatMap((latent) => [...video.subarray(latent * 16, (latent + 1) * 16)]));
  const { input } = makeSequence(tiny, { task: 'VIDEO_TO_AUDIO', prompt: '', video: shown, seed: 5 });
  const { manifest } = tiny.bundle;
  const output = new AudioOutput(new AudioGrid(manifest, new TokenLayout(manifest)), Int32Array.from(codes.slice(100, 106)));
  const window = new Sequence({ ...input, output, firstPosition: 100 });
  await runToEnd(engine, window);
  expect([...window.codes]).toEqual(codes.slice(100));
  await engine.close();
});

it('is decoded while it is made: the parts are those of the whole', async () => {
  const engine = openEngine(tiny);
  const events = await collect(openGenerator(tiny, engine).generate(makeRequest({ task: 'TEXT_TO_AUDIO', seed: 5 }), never));
  const parts = events.flatMap((event) => (event.type === 'sound' ? [event] : []));
  const whole = await openGenerator(tiny, engine).decodeSound(events.flatMap((event) => (event.type === 'codes' ? [event.codes] : []))[0] as Int32Array);
  expect(parts.length).toBeGreaterThan(2);
  expect(parts.map(({ first }) => first)).toEqual(parts.map((_, i) => parts.slice(0, i).reduce((sum, { samples }) => sum + samples.length, 0)));
  expect(Float32Array.from(parts.flatMap(({ samples }) => [...samples]))).toEqual(Float32Array.from(whole));
  await engine.close();
});
