import { untilDatabase } from '../db/until-database.ts';
import { CinegraphError } from '../errors.ts';
import type { GenerationRequest } from '../inference/core/generation.ts';
import { follow } from './follow.ts';
import type { Attempt } from './job-store.ts';
import type { RunContext } from './run-context.ts';
import { DATABASE_DEADLINE_MS } from './run-recorder.ts';
import { isCancel } from './stop.ts';
import { untilAborted } from './until-aborted.ts';

type Shown = Pick<GenerationRequest, 'video' | 'sound'>;

/** A sentence about a clip or a sound. A canceled run keeps none: half a sentence says something else. */
export async function runText(run: Attempt, task: 'VIDEO_TO_TEXT' | 'AUDIO_TO_TEXT', context: RunContext): Promise<void> {
  const { store, media, info: { bundle }, reader, recorder, signal } = context;
  if (bundle.caption === null) throw new CinegraphError('TASK_NOT_SUPPORTED', `${bundle.name} writes no text.`);
  const source = run.input[task === 'VIDEO_TO_TEXT' ? 'video' : 'audio'] as string;
  const total = run.candidates * bundle.caption.maxTokens;
  const texts = new Map<number, string>();
  try {
    const shown = await untilAborted<Shown>(task === 'VIDEO_TO_TEXT' ? lookAt(source, context) : listenTo(source, context), signal);
    const request: GenerationRequest = { id: `${run.jobId}:${run.attempt}`, owner: run.ownerId, task, prompt: '', ...shown, seed: run.seed, candidates: run.candidates, sampling: run.sampling };
    await follow(request, {
      started: event => recorder.started(total, event.executionProvider, [...reader.warnings, ...event.warnings]),
      text: async ({ candidate, text }) => {
        texts.set(candidate, text);
        await recorder.text(candidate, text);
      },
    }, { before: 0, total }, context);
    const results = Array.from({ length: run.candidates }, (_, candidate) => ({
      candidate, shot: null, media: media.text(texts.get(candidate) ?? ''), partial: false, parents: [source], tokens: [],
    }));
    signal.throwIfAborted();
    await untilDatabase(() => store.succeed(run, results, total), { deadlineMs: DATABASE_DEADLINE_MS, signal });
  } catch (error) {
    if (!isCancel(signal.aborted ? signal.reason : error)) throw error;
    await untilDatabase(() => store.cancel(run, []), { deadlineMs: DATABASE_DEADLINE_MS });
  }
}

async function lookAt(video: string, { reader, info: { bundle } }: RunContext): Promise<Shown> {
  const { codes, latents } = await reader.clip(video, { seenOnly: true });
  if (latents > bundle.grid[0]) reader.warn('INPUT_CUT', `The model looks at the first ${bundle.frameCount} frames.`);
  return { video: codes };
}

async function listenTo(sound: string, { reader }: RunContext): Promise<Shown> {
  const heard = await reader.heard(sound);
  if (heard.longer) reader.warn('INPUT_CUT', `The model hears the first ${heard.heardMs} ms.`);
  return { sound: heard.codes };
}
