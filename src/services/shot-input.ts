import { CinegraphError } from '../errors.ts';
import { durationOf, framesOf } from '../inference/core/clip-length.ts';
import { MAX_LATENTS, type BundleInfo } from '../inference/core/generation.ts';
import { type FilmShot, shotSpans } from '../jobs/film-plan.ts';
import { checkDuration, checkPrompt, checkSeed } from './clip-input.ts';
import type { GenerateInput, ShotInput } from './contract.ts';
import { refuse } from './refuse.ts';
import { asset, type SourceAssets, type Span } from './source-input.ts';

const MOST_SHOTS = 24;
/** The longest film, ms: its frames are held in memory while it is joined; those of an enlarged one are four times as large. */
const LONGEST_FILM_MS = 180_000;
const LONGEST_LARGE_FILM_MS = 90_000;

export interface CheckedShots {
  readonly shots: readonly FilmShot[];
  readonly spans: readonly Span[];
  /** All prompts, for the search. */
  readonly prompt: string;
}

/** A film's shots: those that are given, or a story's sentences. Throws what {@link checkPrompt} and {@link checkDuration} throw, with the shot in `field`. */
export function checkShots(input: GenerateInput, bundle: BundleInfo, assets: SourceAssets): CheckedShots {
  const given = input.shots ?? sentences(input.story ?? '').map(prompt => ({ prompt }));
  if ((input.story != null) === (input.shots != null)) refuse('INVALID_INPUT', 'shots', 'A film has either a story or shots.');
  if (given.length < 1 || given.length > MOST_SHOTS) refuse('INVALID_INPUT', input.shots == null ? 'story' : 'shots', `A film has 1 to ${MOST_SHOTS} shots; these are ${given.length}.`);
  const shots = given.map((shot, index) => checkShot(shot, index, input, bundle, assets));
  const length = shots.reduce((sum, shot) => sum + lengthOf(shot, bundle, assets), 0);
  const longest = input.upscale === 'TWO' ? LONGEST_LARGE_FILM_MS : LONGEST_FILM_MS;
  if (length > longest) refuse('DURATION_NOT_SUPPORTED', 'shots', `The film would be ${length} ms long; ${longest} is the most${input.upscale === 'TWO' ? ' with `upscale`' : ''}.`);
  return { shots, spans: shots.flatMap((shot, index) => (shot.asset === null ? shotSpans(shot, index, input.withAudio === true, bundle) : [])), prompt: shots.map(({ prompt }) => prompt).join(' ') };
}

/** ms. A clip that takes a shot's place is as long as it is, a minute at most. */
function lengthOf({ asset: id, durationMs }: FilmShot, bundle: BundleInfo, assets: SourceAssets): number {
  const clip = id === null ? undefined : assets.get(id);
  return clip === undefined ? durationMs : Math.min(clip.record.durationMs ?? 0, durationOf(framesOf(MAX_LATENTS, bundle), bundle));
}

function checkShot(shot: ShotInput, index: number, input: GenerateInput, bundle: BundleInfo, assets: SourceAssets): FilmShot {
  const where = input.shots == null ? ['story'] : ['shots', String(index)];
  const replaced = shot.asset == null ? null : asset(shot.asset, [...where, 'asset'], ['VIDEO'], assets).id;
  return {
    ...within(where, () => checkPrompt(shot, bundle)),
    durationMs: within(where, () => checkDuration({ task: 'TEXT_TO_VIDEO', durationMs: shot.durationMs ?? null }, bundle)) ?? durationOf(bundle.frameCount, bundle),
    continuePrevious: shot.continuePrevious ?? input.continuePrevious ?? false,
    seed: within(where, () => checkSeed(shot.seed ?? null)),
    asset: replaced,
  };
}

/** Puts the shot before the field of what is thrown; a sentence of a story has no fields. */
function within<T>(where: readonly string[], check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof CinegraphError && error.field !== undefined) refuse(error.code, where[0] === 'story' ? where : [...where, ...error.field.slice(1)], error.message);
    throw error;
  }
}

/** Sentence by sentence, as Unicode splits them (UAX #29). */
export function sentences(story: string): string[] {
  const parts = new Intl.Segmenter('en', { granularity: 'sentence' }).segment(story.replaceAll(/\s+/g, ' '));
  return [...parts].map(({ segment }) => segment.trim().replace(/[.!?]+$/, '')).filter(text => /\p{L}/u.test(text));
}
