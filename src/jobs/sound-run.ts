import { untilDatabase } from '../db/until-database.ts';
import { soundTokens } from '../inference/core/sound-windows.ts';
import type { EncodedMedia } from '../media/media.ts';
import type { AssetTokens } from './asset-tokens.ts';
import { follow } from './follow.ts';
import type { Attempt, Result } from './job-store.ts';
import { audioOf } from './audio-of.ts';
import { soundSource, type SoundSource, soundTokensOf, trackOf, withTrack } from './make-sound.ts';
import { composePrompt } from './prompt.ts';
import type { RunContext } from './run-context.ts';
import { DATABASE_DEADLINE_MS } from './run-recorder.ts';
import { SoundCollector } from './sound-collector.ts';
import { isCancel } from './stop.ts';
import { untilAborted } from './until-aborted.ts';

interface Clip {
  readonly source: SoundSource;
  readonly tokens: AssetTokens | undefined;
  /** What gets the sound as its track; undefined: the sound stays by itself. */
  readonly file: EncodedMedia | undefined;
}

/** A sound from a prompt, or that of a clip. A canceled run keeps what can be heard so far. */
export async function runSound(run: Attempt, task: 'TEXT_TO_AUDIO' | 'VIDEO_TO_AUDIO', context: RunContext): Promise<void> {
  const { store, media, info: { bundle }, signal } = context;
  const audio = audioOf(bundle);
  const video = task === 'VIDEO_TO_AUDIO' ? (run.input['video'] as string) : undefined;
  const parents = video === undefined ? [] : [video];
  let sounds: SoundCollector | undefined;
  try {
    const clip = video === undefined ? undefined : await untilAborted(openClip(video, run.input['muxed'] === true, context), signal);
    const cut = clip?.source.cut ?? { skip: 0, length: audio.framesPerClip * audio.samplesPerFrame };
    sounds = new SoundCollector(run.candidates, cut);
    const total = run.candidates * soundTokens(clip?.source.latents ?? bundle.grid[0], { ...bundle, audio });
    const codes = await followSound(run, task, clip, sounds, total, context);
    const results = Array.from({ length: run.candidates }, async (_, candidate): Promise<Result> => {
      const samples = sounds?.whole(candidate) ?? new Float32Array(0);
      const tokens = [soundTokensOf(codes.get(candidate), cut, audio)];
      const shared = { candidate, shot: null, partial: false, parents };
      if (clip?.file === undefined) return { ...shared, media: await media.sound(samples, audio.sampleRate), tokens };
      return { ...shared, media: await withTrack(media, clip.file, trackOf(samples, audio)), tokens: clip.tokens === undefined ? tokens : [clip.tokens, ...tokens] };
    });
    const made = await untilAborted(Promise.all(results), signal);
    signal.throwIfAborted();
    await untilDatabase(() => store.succeed(run, made, total), { deadlineMs: DATABASE_DEADLINE_MS, signal });
  } catch (error) {
    if (!isCancel(signal.aborted ? signal.reason : error)) throw error;
    const kept = await Promise.all((sounds?.partial() ?? []).map(async ({ candidate, samples, complete }) => ({
      candidate, shot: null, media: await media.sound(samples, audio.sampleRate), partial: !complete, parents, tokens: [],
    })));
    await untilDatabase(() => store.cancel(run, kept), { deadlineMs: DATABASE_DEADLINE_MS });
  }
}

function followSound(run: Attempt, task: 'TEXT_TO_AUDIO' | 'VIDEO_TO_AUDIO', clip: Clip | undefined, sounds: SoundCollector, total: number, context: RunContext): Promise<ReadonlyMap<number, Int32Array>> {
  const { recorder, reader, info: { bundle } } = context;
  const { sampleRate } = audioOf(bundle);
  const prompt = composePrompt(run.input);
  const request = {
    id: `${run.jobId}:${run.attempt}`, owner: run.ownerId, task, prompt, seed: run.seed, candidates: run.candidates, sampling: run.sampling,
    ...(clip === undefined ? {} : { video: clip.source.video }),
  };
  return follow(request, {
    started: event => recorder.started(total, event.executionProvider, [...reader.warnings, ...event.warnings]),
    window: event => recorder.shotStarted(event.index, event.count, prompt),
    sound: async event => {
      const part = sounds.add(event.candidate, event);
      if (part !== undefined) await recorder.sound(event.candidate, part, sampleRate, 0);
    },
  }, { before: 0, total }, context);
}

async function openClip(video: string, muxed: boolean, { reader, info: { bundle } }: RunContext): Promise<Clip> {
  const clip = await reader.clip(video, { seenOnly: true });
  return { source: soundSource(clip, bundle), tokens: clip.tokens, file: muxed ? await reader.stored(video) : undefined };
}
