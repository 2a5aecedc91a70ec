import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CinegraphError } from '../../src/errors.ts';
import type { GenerationEvent, GenerationRequest } from '../../src/inference/core/generation.ts';
import { createInferenceClient } from '../../src/inference/index.ts';
import { readTokens } from '../../src/jobs/asset-tokens.ts';
import type { AssetRecord, GenerateInput, JobEventRecord, JobRecord } from '../../src/services/contract.ts';
import { intercept } from '../support/data-inference.ts';
import { ADA, BOB, collectEvents, type DataStack, openDataStack } from '../support/data-stack.ts';
import { TINY_BUNDLE } from '../support/inference.ts';

const STORY = 'A fox bounces on a red background. Then an octopus spins!  A small rocket rises in front of tulips.';
const SHOTS = ['A fox bounces on a red background', 'Then an octopus spins', 'A small rocket rises in front of tulips'];

describe('films', () => {
  let client: ReturnType<typeof createInferenceClient>;
  let stack: DataStack;
  let before: (event: GenerationEvent, request: GenerationRequest) => void = () => {};
  let prompts: string[] = [];

  beforeAll(async () => {
    client = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1, restart: { backoffMs: 10, maxCrashes: 50 } });
    await client.ready();
    const inference = intercept(client, (event, _signal, request) => {
      if (event.type === 'started') prompts.push(request.prompt);
      before(event, request);
    });
    stack = await openDataStack({ inference });
    await stack.startRunner();
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await client.close();
  });
  beforeEach(() => {
    before = () => {};
    prompts = [];
  });

  interface Made {
    readonly job: JobRecord;
    readonly shots: readonly AssetRecord[];
    readonly films: readonly AssetRecord[];
    readonly events: readonly JobEventRecord[];
  }

  async function follow(id: string): Promise<Made> {
    const events = await collectEvents(stack.services, id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const [[job], [shots = []], [films = []]] = await Promise.all([
      stack.services.jobs.byIds(ADA, [id]), stack.services.assets.shotsByJobIds(ADA, [id]), stack.services.assets.byJobIds(ADA, [id]),
    ]);
    if (job == null) throw new Error('the job is gone');
    return { job, shots, films, events };
  }
  const film = async (input: Omit<GenerateInput, 'task'>): Promise<Made> => follow((await stack.services.generation.generate(ADA, { task: 'FILM', seed: 5, ...input })).id);
  const parentsOf = async ({ id }: AssetRecord): Promise<string[]> => ((await stack.services.assets.relatives(ADA, 'parents', [id], { first: 10 }))[0]?.edges ?? []).map(({ node }) => node.id);
  const codesOf = async ({ id }: AssetRecord): Promise<number[]> => [...((await readTokens(stack.database.pool, id))?.codes ?? [])];

  it('tells a story sentence by sentence: a shot each, one clip of them all, and the shots are its parents', async () => {
    const { job, shots, films, events } = await film({ story: STORY, title: 'Three' });
    expect(job).toMatchObject({ status: 'SUCCEEDED', tokensTotal: 3 * 80, tokensDone: 3 * 80 });
    expect(shots).toMatchObject([0, 1, 2].map(shot => ({ shot, candidate: null, kind: 'VIDEO', frameCount: 17, title: 'Three' })));
    expect(films).toMatchObject([{ shot: null, candidate: 0, frameCount: 51, durationMs: 6375, title: 'Three' }]);
    expect((await parentsOf(films[0] as AssetRecord)).toSorted()).toEqual(shots.map(({ id }) => id).toSorted());
    expect(events.flatMap(event => (event.type === 'ShotStarted' ? [[event.shot, event.shots, event.prompt]] : []))).toEqual(SHOTS.map((prompt, shot) => [shot, 3, prompt]));
    expect(events.flatMap(event => (event.type === 'ShotReady' ? [[event.shot, event.assetId]] : []))).toEqual(shots.map(({ id, shot }) => [shot, id]));
    const shown = events.flatMap(event => (event.type === 'FramesDecoded' && event.final ? event.frames.map(({ index }) => index) : []));
    expect(shown, 'previews run through the film').toEqual(Array.from({ length: 51 }, (_, index) => index));
  });

  it('a shot that continues begins with the tokens at the end of the one before, and has its own frames only', async () => {
    const { shots, films } = await film({ shots: [{ prompt: 'a fox bounces', camera: 'zoom in' }, { prompt: 'an octopus spins', durationMs: 1_000, continuePrevious: true }, { prompt: 'a balloon grows' }] });
    expect(shots.map(({ frameCount }) => frameCount)).toEqual([17, 8, 17]);
    const [first, second] = shots as [AssetRecord, AssetRecord, AssetRecord];
    expect((await codesOf(second)).slice(0, 80)).toEqual(await codesOf(first));
    expect([await parentsOf(second), films[0]?.frameCount]).toEqual([[first.id], 42]);
    expect(prompts[0]).toBe('a fox bounces, the camera zooms in');
  });

  it('a shot that fails fails the film, not the others; it is made again alone', async () => {
    before = (event, { prompt }) => {
      if (event.type === 'tokens' && prompt === SHOTS[1]) throw new CinegraphError('PROMPT_TOO_LONG', 'no such octopus.');
    };
    const failed = await film({ story: STORY });
    expect(failed.job).toMatchObject({ status: 'FAILED', errorCode: 'PROMPT_TOO_LONG', errorMessage: expect.stringContaining('Shot 2 failed') as string });
    expect([failed.shots.map(({ shot }) => shot), failed.films]).toEqual([[0, 2], []]);
    expect(failed.events).toContainEqual(expect.objectContaining({ type: 'ShotFailed', shot: 1, code: 'PROMPT_TOO_LONG' }));
    before = () => {};
    prompts = [];
    const { id } = await stack.services.jobs.retryShot(ADA, failed.job.id, 1, { prompt: 'a fox spins', seed: 9 });
    const again = await follow(id);
    expect(again.job).toMatchObject({ status: 'SUCCEEDED', retryOfId: failed.job.id, tokensTotal: 80 });
    expect(prompts.filter(prompt => prompt !== 'a'), 'the others are not made again').toEqual(['a fox spins']);
    const [kept, last] = failed.shots as [AssetRecord, AssetRecord];
    expect((await parentsOf(again.films[0] as AssetRecord)).toSorted()).toEqual([kept.id, again.shots[0]?.id ?? '', last.id].toSorted());
    expect([again.shots.map(({ shot }) => shot), again.films[0]?.frameCount]).toEqual([[1], 51]);
    // And a plain retry of the failed film makes what is missing.
    prompts = [];
    const retried = await follow((await stack.services.jobs.retry(ADA, failed.job.id)).id);
    expect([retried.job.status, prompts.filter(prompt => prompt !== 'a')]).toEqual(['SUCCEEDED', [SHOTS[1]]]);
  });

  it('what continues a shot that failed waits for it, and is made again with it', async () => {
    before = (event, { prompt }) => {
      if (event.type === 'started' && prompt === SHOTS[0]) throw new CinegraphError('PROMPT_TOO_LONG', 'no such fox.');
    };
    const failed = await film({ story: STORY, continuePrevious: true });
    expect(failed.events.flatMap(event => (event.type === 'ShotFailed' ? [[event.shot, event.code]] : []))).toEqual([[0, 'PROMPT_TOO_LONG'], [1, 'SHOT_FAILED'], [2, 'SHOT_FAILED']]);
    before = () => {};
    const again = await follow((await stack.services.jobs.retryShot(ADA, failed.job.id, 0, {})).id);
    expect([again.job.status, again.shots.length]).toEqual(['SUCCEEDED', 3]);
  });

  it('the inference process dies in the second shot: the first is not made again, and each is stored once', async () => {
    let killed = false;
    before = (event, { prompt }) => {
      if (killed || event.type !== 'frames' || prompt !== SHOTS[1]) return;
      killed = true;
      process.kill(client.pid ?? 0, 'SIGKILL');
    };
    const { job, shots, films } = await film({ story: STORY });
    expect([job.status, job.attempt > 1, killed]).toEqual(['SUCCEEDED', true, true]);
    expect([shots.map(({ shot }) => shot), films.length]).toEqual([[0, 1, 2], 1]);
    expect(prompts.filter(prompt => prompt === SHOTS[0])).toHaveLength(1);
    before = () => {};
    const whole = await film({ story: STORY });
    expect(films[0]?.framesSha256, 'the film that its seed stands for').toBe(whole.films[0]?.framesSha256);
  });

  it('a cancel keeps the shots that are there', async () => {
    const { id } = await stack.services.generation.generate(ADA, { task: 'FILM', story: STORY, seed: 5 });
    const reached = Promise.withResolvers<void>();
    before = (event, { prompt }) => {
      if (event.type === 'tokens' && prompt === SHOTS[1]) reached.resolve();
    };
    await reached.promise;
    expect(await stack.services.jobs.cancel(ADA, id)).toMatchObject({ status: 'CANCELED' });
    const { shots, films } = await follow(id);
    expect([shots[0]?.shot, films]).toEqual([0, []]);
  });

  it('refuses what cannot be, and says which shot', async () => {
    const cases: readonly [Omit<GenerateInput, 'task'>, string, readonly string[]][] = [
      [{}, 'INVALID_INPUT', ['input', 'shots']],
      [{ story: STORY, shots: [{ prompt: 'a' }] }, 'INVALID_INPUT', ['input', 'shots']],
      [{ story: ' ... ' }, 'INVALID_INPUT', ['input', 'story']],
      [{ shots: [{ prompt: 'a' }, { prompt: ' ' }] }, 'PROMPT_EMPTY', ['input', 'shots', '1', 'prompt']],
      [{ shots: [{ prompt: 'a', durationMs: 5 }] }, 'DURATION_NOT_SUPPORTED', ['input', 'shots', '0', 'durationMs']],
      [{ shots: [{ prompt: 'a', asset: 'nowhere' }] }, 'NOT_FOUND', ['input', 'shots', '0', 'asset']],
      [{ shots: Array.from({ length: 25 }, () => ({ prompt: 'a' })) }, 'INVALID_INPUT', ['input', 'shots']],
      [{ shots: Array.from({ length: 4 }, () => ({ prompt: 'a', durationMs: 60_000 })) }, 'DURATION_NOT_SUPPORTED', ['input', 'shots']],
      [{ story: STORY, candidates: 2 }, 'CANDIDATES_OUT_OF_RANGE', ['input', 'candidates']],
    ];
    for (const [input, code, field] of cases) await expect(stack.services.generation.generate(ADA, { task: 'FILM', ...input })).rejects.toMatchObject({ code, field });
    const clip = await stack.services.generation.generate(ADA, { task: 'TEXT_TO_VIDEO', prompt: 'a fox' });
    await collectEvents(stack.services, clip.id);
    await expect(stack.services.jobs.retryShot(ADA, clip.id, 0, {})).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const { job } = await film({ story: 'A fox.' });
    await expect(stack.services.jobs.retryShot(BOB, job.id, 0, {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(stack.services.jobs.retryShot(ADA, job.id, 1, {})).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['input', 'shot'] });
  });
});
