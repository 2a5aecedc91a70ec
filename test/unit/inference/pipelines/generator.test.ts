import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationEvent } from '../../../../src/inference/core/generation.ts';
import { Engine } from '../../../../src/inference/engine/engine.ts';
import { toRawFrames } from '../../../../src/inference/models/video-decoder.ts';
import { taskSpec } from '../../../../src/inference/core/task-spec.ts';
import { ClipStream } from '../../../../src/inference/pipelines/clip-stream.ts';
import { layOutPrompt } from '../../../../src/inference/pipelines/prompt.ts';
import { clipBytes, collect, framesOf, makeRequest, makeSequence, openEngine, openGenerator, openTinyInference, runToEnd, type FramesEvent, type TinyInference } from '../../../support/inference.ts';

const never = new AbortController().signal;
let tiny: TinyInference;
let engine: Engine;
beforeAll(async () => {
  tiny = await openTinyInference();
});
afterEach(async () => await engine.close());
afterAll(async () => await tiny.models.close());

async function run(changes: Parameters<typeof makeRequest>[0] = {}, maxRows = 8): Promise<GenerationEvent[]> {
  engine = openEngine(tiny, { maxRows });
  return await collect(openGenerator(tiny, engine).generate(makeRequest(changes), never));
}

describe('a text', () => {
  it('can be read while it is written, four pieces at a time', async () => {
    const video = Int32Array.from({ length: 5 * 16 }, (_, i) => (i * 7) % 50);
    const events = await run({ task: 'VIDEO_TO_TEXT', prompt: '', video, seed: 3, sampling: { temperature: 2, topP: 1 } });
    const texts = events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
    expect(texts.length).toBeGreaterThan(2);
    expect(new Set(texts).size).toBeGreaterThan(1);
    expect(texts.at(-1)?.length).toBeGreaterThan(texts[0]?.length ?? 0);
  });
});

describe('an enlarged clip', () => {
  it('has the same frames in the same order, previews too, twice as wide and high, and the same codes', async () => {
    const [small, large] = [await run({ candidates: 2, seed: 4 }), await run({ candidates: 2, seed: 4, upscale: true })];
    const finals = (events: readonly GenerationEvent[], candidate: number) => framesOf(events).filter((event) => event.final && event.candidate === candidate);
    for (const candidate of [0, 1]) {
      const places = finals(large, candidate).map(({ firstFrame, frames }) => [firstFrame, frames.length]);
      expect(places).toEqual([[0, 1], [1, 4], [5, 4], [9, 4], [13, 4]]);
      expect(clipBytes(large, candidate)).toHaveLength(4 * clipBytes(small, candidate).length);
    }
    const sizes = framesOf(large).flatMap(({ frames }) => frames.map(({ width, height, rgb }) => [width, height, rgb.length]));
    expect(new Set(sizes.map(String))).toEqual(new Set([String([64, 64, 64 * 64 * 3])]));
    const codes = (events: readonly GenerationEvent[]) => events.filter((event) => event.type === 'codes');
    expect(codes(large)).toEqual(codes(small));
  });

  it('that is known beforehand comes out whole, longer than what may be on its way at once', async () => {
    const codes = Int32Array.from({ length: 9 * 16 }, (_, i) => (i * 7) % 50);
    const request = { source: { latents: 9, codes }, upscale: true };
    const events = await run(request);
    expect(framesOf(events).flatMap(({ firstFrame, frames }) => frames.map((_, i) => firstFrame + i))).toEqual(Array.from({ length: 33 }, (_, i) => i));
    expect(clipBytes(await run(request))).toEqual(clipBytes(events));
  });

  it('is refused where the bundle has no super-resolution', async () => {
    engine = openEngine(tiny);
    const generator = openGenerator({ ...tiny, models: { ...tiny.models, enlarger: undefined } }, engine);
    await expect(collect(generator.generate(makeRequest({ upscale: true }), never))).rejects.toMatchObject({ code: 'TASK_NOT_SUPPORTED', field: ['upscale'] });
  });
});

describe('the events of a clip', () => {
  it('begin with started, end with finished, and hold every frame once', async () => {
    const events = await run();
    expect(events[0]).toMatchObject({ type: 'started', tokensTotal: 80, executionProvider: 'cpu', bundleDigest: tiny.bundle.digest, warnings: [] });
    expect(events.at(-1)).toEqual({ type: 'finished' });
    const finals = framesOf(events).filter((event) => event.final);
    expect(finals.map(({ firstFrame, frames }) => [firstFrame, frames.length])).toEqual([[0, 1], [1, 4], [5, 4], [9, 4], [13, 4]]);
    expect(finals.every(({ frames }) => frames.every(({ width, height, rgb }) => width === 32 && height === 32 && rgb.length === 3072))).toBe(true);
  });

  it('show previews of a latent frame before its final frames, with the same place and length, at most one of each', async () => {
    const frames = framesOf(await run());
    const previews = frames.filter((event) => !event.final);
    for (const preview of previews) {
      const final = frames.find((event) => event.final && event.firstFrame === preview.firstFrame);
      expect(final?.frames.length).toBe(preview.frames.length);
      expect(frames.indexOf(preview)).toBeLessThan(frames.indexOf(final as FramesEvent));
    }
    expect(new Set(previews.map(({ firstFrame }) => firstFrame)).size).toBe(previews.length);
  });

  it('count tokens upwards to the end, four times a latent frame at most', async () => {
    const tokens = (await run()).filter((event) => event.type === 'tokens');
    expect(tokens.length).toBeLessThanOrEqual(20);
    const done = tokens.map((event) => event.tokensDone);
    expect(done).toEqual([...new Set(done)].sort((a, b) => a - b));
    expect(tokens.at(-1)).toMatchObject({ tokensDone: 80, tokensTotal: 80, etaMs: 0 });
  });

  it('an image is one frame', async () => {
    const events = await run({ task: 'TEXT_TO_IMAGE' });
    expect(events[0]).toMatchObject({ tokensTotal: 16 });
    expect(framesOf(events).filter((event) => event.final)).toMatchObject([{ firstFrame: 0, frames: [{ width: 32, height: 32 }] }]);
  });

  it('the candidates of a request are different clips, each as if it ran alone', async () => {
    const together = await run({ candidates: 3, seed: 9 });
    expect(together[0]).toMatchObject({ tokensTotal: 240 });
    await engine.close();
    const first = await run({ candidates: 1, seed: 9 });
    expect(clipBytes(together, 0)).toEqual(clipBytes(first));
    expect(clipBytes(together, 1)).not.toEqual(clipBytes(together, 0));
    expect(clipBytes(together, 2)).not.toEqual(clipBytes(together, 1));
  });

  it('previews are left out while somebody waits for slots, and the clip is the same', async () => {
    engine = openEngine(tiny, { maxRows: 2 });
    const generator = openGenerator(tiny, engine);
    const [first, second] = await Promise.all([
      collect(generator.generate(makeRequest({ id: 'a', seed: 1 }), never)),
      collect(generator.generate(makeRequest({ id: 'b', seed: 2 }), never)),
    ]);
    expect(framesOf(first).filter((event) => !event.final)).toEqual([]);
    await engine.close();
    expect(clipBytes(second)).toEqual(clipBytes(await run({ seed: 2 })));
    await engine.close();
    expect(clipBytes(first)).toEqual(clipBytes(await run({ seed: 1 })));
  });

  it('streaming gives the bytes of one decode of the whole clip', async () => {
    const events = await run({ seed: 3 });
    await engine.close();
    engine = openEngine(tiny);
    const sequence = makeSequence(tiny, { seed: 3 });
    await runToEnd(engine, sequence);
    const { pixels } = await tiny.models.decoder.decode(sequence.codes, tiny.models.decoder.initialState());
    const whole = Buffer.concat(toRawFrames(pixels, 32, 32, 3).map((frame) => frame.rgb));
    expect(clipBytes(events).equals(whole)).toBe(true);
  });

  it('streams bit-equal floats, not only bytes', async () => {
    engine = openEngine(tiny);
    const sequence = makeSequence(tiny, { seed: 4 });
    await runToEnd(engine, sequence);
    const { decoder } = tiny.models;
    const whole = (await decoder.decode(sequence.codes, decoder.initialState())).pixels;
    let state = decoder.initialState();
    const parts: number[] = [];
    for (let latent = 0; latent < 5; latent += 1) {
      const decoded = await decoder.decode(sequence.codes.slice(latent * 32, (latent + 1) * 32), state);
      state = decoded.state;
      parts.push(...decoded.pixels);
    }
    expect(Buffer.from(Float32Array.from(parts).buffer).equals(Buffer.from(whole.slice().buffer))).toBe(true);
  });
});

describe('previews', () => {
  it('never change what follows', async () => {
    engine = openEngine(tiny);
    const sequence = makeSequence(tiny, { seed: 8 });
    await runToEnd(engine, sequence);
    let previews = 0;
    const decode = async (withPreviews: boolean): Promise<Buffer[]> => {
      const copy = makeSequence(tiny, { seed: 8 });
      const clip = new ClipStream(copy, tiny.models.decoder);
      const parts: Buffer[] = [];
      while (copy.done < copy.total) {
        copy.append((sequence.codes[2 * copy.done] as number) * tiny.bundle.manifest.video.subCodebooks[1] + (sequence.codes[2 * copy.done + 1] as number));
        if (withPreviews && (await clip.preview()) !== undefined) previews += 1;
        const frames = await clip.next();
        if (frames !== undefined) parts.push(...frames.frames.map((frame) => Buffer.from(frame.rgb)));
      }
      expect(clip.complete).toBe(true);
      return parts;
    };
    expect(await decode(true)).toEqual(await decode(false));
    expect(previews).toBe(5);
  });
});

describe('refusals', () => {
  it.each([
    [{ prompt: '  \n ' }, 'PROMPT_EMPTY'],
    [{ prompt: 'a '.repeat(201) }, 'PROMPT_TOO_LONG'],
  ])('%j is refused with %s', async (changes, code) => {
    await expect(run(changes)).rejects.toMatchObject({ code });
    await engine.idle();
  });

  it('a prompt is measured in characters, as the mutations measure it, not in halves of them', () => {
    const { manifest } = tiny.bundle;
    const layOut = (prompt: string) => layOutPrompt(prompt, taskSpec(manifest, 'TEXT_TO_VIDEO'), manifest, new Set(), tiny.tokenizer);
    const longest = '\u{1F98A}'.repeat(manifest.text.maxCharacters);
    expect(layOut(longest).conditional.length).toBeGreaterThan(0);
    expect(() => layOut(`${longest}a`)).toThrow(expect.objectContaining({ code: 'PROMPT_TOO_LONG' }));
  });

  it('unknown words and cut prompts are warnings', async () => {
    const events = await run({ task: 'TEXT_TO_IMAGE', prompt: `a griffin ${'a red fox '.repeat(20)}` });
    expect(events[0]).toMatchObject({
      warnings: [
        { code: 'WORDS_UNKNOWN', message: expect.stringContaining('"griffin"') as string },
        { code: 'PROMPT_TRUNCATED', message: expect.stringContaining('first 32') as string },
      ],
    });
  });

  it('leaving the events frees the slots', async () => {
    engine = openEngine(tiny);
    for await (const event of openGenerator(tiny, engine).generate(makeRequest({ candidates: 3 }), never)) if (event.type === 'frames') break;
    await engine.idle();
    engine.checkIntegrity();
    expect([engine.running, engine.waiting]).toEqual([0, 0]);
  });
});

describe('a clip that follows a control video', () => {
  const FRAME = 16;
  const codes = (latents: number, first: number): Int32Array => Int32Array.from({ length: latents * FRAME }, (_, i) => (first + 7 * i) % 1280);
  const codesOf = (events: readonly GenerationEvent[]): Int32Array => (events.find((event) => event.type === 'codes') as Extract<GenerationEvent, { type: 'codes' }>).codes;
  const stylize = async (latents: number, control: Int32Array): Promise<Int32Array> => {
    const made = codesOf(await run({ task: 'STYLIZE_VIDEO', prompt: 'as a pencil sketch', source: { latents, codes: new Int32Array(0) }, control }));
    await engine.close();
    return made;
  };

  it('keeps none of its codes, and is another one under another control video', async () => {
    const [control, other] = [codes(5, 3), codes(5, 400)];
    const made = await stylize(5, control);
    expect(made).toHaveLength(control.length);
    expect([...made].filter((code, position) => code === control[position]).length).toBeLessThan(8);
    expect(await stylize(5, control)).toEqual(made);
    expect(await stylize(5, other)).not.toEqual(made);
  });

  it('is made window by window, each of which sees its own part of the control video', async () => {
    const control = codes(9, 3);
    const whole = await stylize(9, control);
    const late = control.map((code, position) => (position < 7 * FRAME ? code : (code + 11) % 1280));
    const changed = await stylize(9, late);
    // The first two windows end at latent frame 7; what lies behind it is seen by the last one alone.
    expect(changed.slice(0, 7 * FRAME)).toEqual(whole.slice(0, 7 * FRAME));
    expect(changed.slice(7 * FRAME)).not.toEqual(whole.slice(7 * FRAME));
  });

  it('is refused without one, and with one of another length or of codes that do not exist', async () => {
    const source = { latents: 5, codes: new Int32Array(0) };
    for (const changes of [{}, { control: codes(4, 0) }, { control: codes(5, 0).fill(1280) }]) {
      await expect(run({ task: 'STYLIZE_VIDEO', source, ...changes })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['control'] });
      await engine.close();
    }
    await expect(run({ control: codes(5, 0) })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['control'] });
  });

  it('codes of a control video are those of its pictures, one for each latent frame\'s places', async () => {
    engine = openEngine(tiny);
    const frames = Array.from({ length: 5 }, (_, at) => ({ width: 32, height: 32, rgb: Uint8Array.from({ length: 3072 }, (_, i) => (i * 5 + at * 40) % 256) }));
    const generator = openGenerator(tiny, engine);
    const control = await generator.encodeControl(frames, never);
    expect(control).toHaveLength(2 * FRAME);
    expect(control).not.toEqual(await generator.encode(frames, never));
    await expect(generator.encodeControl(frames.slice(0, 3), never)).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['frames'] });
  });
});

describe('a clip of several windows', () => {
  const LONG = { candidates: 2, seed: 5, source: { latents: 12, codes: new Int32Array(0) } };

  it('goes on from what an earlier run made, to the same codes and frames', async () => {
    const whole = await run(LONG);
    const windows = whole.filter((event) => event.type === 'window');
    expect(windows.map(({ index, made }) => [index, made.length])).toEqual(windows.map((_, index) => [index, index === 0 ? 0 : 2]));
    expect(windows.length).toBeGreaterThan(3);
    for (const { index, made } of windows.slice(1)) {
      await engine.close();
      const rest = await run({ ...LONG, resume: made });
      expect(rest.flatMap((event) => (event.type === 'window' ? [event.index] : []))).toEqual(windows.slice(index).map((window) => window.index));
      for (const candidate of [0, 1]) expect(clipBytes(rest, candidate)).toEqual(clipBytes(whole, candidate));
      expect(rest.filter((event) => event.type === 'codes')).toEqual(whole.filter((event) => event.type === 'codes'));
      const tokens = rest.filter((event) => event.type === 'tokens');
      expect(tokens.at(-1)).toMatchObject({ tokensDone: tokens[0]?.tokensTotal, tokensTotal: (whole[0] as { tokensTotal: number }).tokensTotal });
    }
  });

  it('begins anew when no window is whole, and refuses codes that are not its own', async () => {
    const whole = await run(LONG);
    await engine.close();
    const few = [Int32Array.of(0), Int32Array.of(0)];
    expect(clipBytes(await run({ ...LONG, resume: few }))).toEqual(clipBytes(whole));
    await engine.close();
    await expect(run({ ...LONG, resume: few.slice(1) })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['resume'] });
    await engine.close();
    await expect(run({ ...LONG, resume: [Int32Array.of(-1), Int32Array.of(0)] })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});
