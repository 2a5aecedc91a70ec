import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient, type CinegraphClient, type JobEvent } from '../../src/client/index.ts';
import { allEvents, allSseEvents, framesDigest, graphql, outline } from '../support/graphql-client.ts';
import { startProgram, temporaryFolder, type Program } from '../support/server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let program: Program;
let client: CinegraphClient;
beforeAll(async () => {
  folder = await temporaryFolder();
  program = await startProgram({ DATA_DIR: folder.path });
  client = createCinegraphClient({ url: program.url });
});
afterAll(async () => {
  await program?.stop();
  await folder?.remove();
});

const PROMPT = 'a polar bear bounces on a red background';
const finished = (events: readonly JobEvent[]) => {
  const last = events.at(-1);
  if (last?.__typename !== 'JobFinished') throw new Error('the stream did not end with JobFinished');
  return last.job;
};

async function digestOf(seed: number): Promise<string | null> {
  const { id } = await client.textToVideo({ prompt: PROMPT, seed, sampling: { deterministic: true } });
  return framesDigest(await allEvents(program.url, id));
}

describe('text to video', () => {
  it('streams frames while it generates, numbered without a gap, and stores the clip', async () => {
    const job = await client.textToVideo({ prompt: PROMPT, seed: 7 });
    const events = await allEvents(program.url, job.id);
    expect(events.map((event) => event.seq)).toEqual(events.map((_event, index) => index + 1));
    const types = events.map((event) => event.__typename);
    expect(types[0]).toBe('JobQueued');
    expect(types.at(-1)).toBe('JobFinished');
    expect(types.filter((type) => type === 'FramesDecoded').length).toBeGreaterThanOrEqual(5);
    const final = events.flatMap((event) => (event.__typename === 'FramesDecoded' && event.final ? event.frames.map((frame) => frame.index) : []));
    const { status, outputs, progress, lastSeq } = finished(events);
    expect(status).toBe('SUCCEEDED');
    const frameCount = outputs[0]?.__typename === 'VideoAsset' ? outputs[0].frameCount : 0;
    expect(final).toEqual(Array.from({ length: frameCount }, (_, index) => index));
    expect(progress.tokensDone).toBe(progress.tokensTotal);
    expect(lastSeq).toBe(events.length);

    const [asset] = outputs;
    if (asset === undefined) throw new Error('no output');
    const bytes = await client.download(asset);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(asset.sha256);
    expect(Buffer.from(bytes.subarray(4, 8)).toString()).toBe('ftyp');
    const part = await fetch(asset.url, { headers: { range: 'bytes=4-7' } });
    expect([part.status, await part.text()]).toEqual([206, 'ftyp']);
  });

  it('makes the same clip from the same seed, another from another', async () => {
    const [first, again, other] = [await digestOf(11), await digestOf(11), await digestOf(12)];
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it('lets a client that went away after three events see the rest', async () => {
    const job = await client.textToVideo({ prompt: PROMPT, seed: 3 });
    const before: JobEvent[] = [];
    for await (const event of client.watchJob(job.id)) {
      before.push(event);
      if (before.length === 3) break;
    }
    const rest = await allEvents(program.url, job.id, 3);
    expect(rest[0]?.seq).toBe(4);
    expect(outline([...before, ...rest])).toEqual(outline(await allEvents(program.url, job.id)));
    expect(finished(rest).status).toBe('SUCCEEDED');
  });

  it('shows two subscribers the same, whatever the transport, live and replayed', async () => {
    const job = await client.textToVideo({ prompt: PROMPT, seed: 4 });
    const [one, two, sse] = await Promise.all([allEvents(program.url, job.id), allEvents(program.url, job.id), allSseEvents(program.url, job.id)]);
    const replayed = await allSseEvents(program.url, job.id);
    expect(outline(two)).toEqual(outline(one));
    expect(outline(sse)).toEqual(outline(one));
    expect(outline(replayed)).toEqual(outline(one));
    const pictures = replayed.flatMap((event) => (event.__typename === 'FramesDecoded' ? event.frames : []));
    expect(pictures.length).toBeGreaterThan(0);
    for (const { dataUrl } of pictures) expect(dataUrl).toMatch(/^data:image\/webp;base64,UklGR/);
  });

  it('makes several candidates, each an output in its place', async () => {
    const job = await client.textToVideo({ prompt: PROMPT, seed: 5, candidates: 2 });
    const { outputs } = finished(await allEvents(program.url, job.id));
    expect(outputs.map((asset) => asset.candidate)).toEqual([0, 1]);
    expect(new Set(outputs.map((asset) => 'framesSha256' in asset ? asset.framesSha256 : null)).size).toBe(2);
  });

  it('answers a repeated idempotency key with the same job', async () => {
    const input = { prompt: PROMPT, seed: 6, idempotencyKey: 'once' };
    const first = await client.textToVideo(input);
    expect((await client.textToVideo(input)).id).toBe(first.id);
    await expect(client.textToVideo({ ...input, seed: 60 })).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    await allEvents(program.url, first.id);
  });

  it('stops when it is canceled, and can be tried again', async () => {
    const job = await client.textToVideo({ prompt: PROMPT, seed: 8, candidates: 2, durationMs: 10_000 });
    const events: JobEvent[] = [];
    for await (const event of client.watchJob(job.id)) {
      events.push(event);
      if (event.__typename === 'JobStarted') await client.cancel(job.id);
    }
    const canceled = finished(events);
    expect(canceled.status).toBe('CANCELED');
    expect(canceled.outputs.every((asset) => asset.partial)).toBe(true);
    await expect(client.cancel(job.id)).rejects.toMatchObject({ code: 'JOB_NOT_CANCELABLE' });
    const again = await client.retry(job.id);
    expect(finished(await allEvents(program.url, again.id))).toMatchObject({ status: 'SUCCEEDED', seed: 8 });
  });
});

describe('text to image', () => {
  it('makes one picture', async () => {
    const job = await client.textToImage({ prompt: 'a red ball', seed: 1 });
    const { status, outputs } = finished(await allEvents(program.url, job.id));
    expect([status, outputs.length, outputs[0]?.kind]).toEqual(['SUCCEEDED', 1, 'IMAGE']);
    const [bytes] = await Promise.all(outputs.map((asset) => client.download(asset)));
    expect(createHash('sha256').update(bytes ?? '').digest('hex')).toBe(outputs[0]?.sha256);
  });
});

describe('bad input', () => {
  it.each([
    ['an empty prompt', { prompt: '   ' }, 'PROMPT_EMPTY', ['input', 'prompt']],
    ['a long prompt', { prompt: 'bear '.repeat(2000) }, 'PROMPT_TOO_LONG', ['input', 'prompt']],
    ['a negative seed', { prompt: PROMPT, seed: -1 }, 'SEED_OUT_OF_RANGE', ['input', 'seed']],
    ['no candidates', { prompt: PROMPT, candidates: 0 }, 'CANDIDATES_OUT_OF_RANGE', ['input', 'candidates']],
    ['five candidates', { prompt: PROMPT, candidates: 5 }, 'CANDIDATES_OUT_OF_RANGE', ['input', 'candidates']],
    ['a high temperature', { prompt: PROMPT, sampling: { temperature: 9 } }, 'SAMPLING_OUT_OF_RANGE', ['input', 'sampling', 'temperature']],
    ['topP of 0', { prompt: PROMPT, sampling: { topP: 0 } }, 'SAMPLING_OUT_OF_RANGE', ['input', 'sampling', 'topP']],
    ['an hour', { prompt: PROMPT, durationMs: 3_600_000 }, 'DURATION_NOT_SUPPORTED', ['input', 'durationMs']],
    ['an id of something else as the model', { prompt: PROMPT, model: 'abc' }, 'INVALID_ID', ['input', 'model']],
    ['an unknown model', { prompt: PROMPT, model: Buffer.from('Model:none').toString('base64url') }, 'MODEL_UNKNOWN', ['input', 'model']],
    ['a deadline in the past', { prompt: PROMPT, deadlineMs: -5 }, 'INVALID_INPUT', ['input', 'deadlineMs']],
  ])('%s is a user error that names the field', async (_what, input, code, field) => {
    await expect(client.textToVideo(input)).rejects.toMatchObject({ code, field });
  });

  it.each([
    ['a page of 0', '{ assets(first: 0) { nodes { id } } }', 'PAGE_SIZE_OUT_OF_RANGE'],
    ['a page of 101', '{ jobs(first: 101) { nodes { id } } }', 'PAGE_SIZE_OUT_OF_RANGE'],
    ['a made-up cursor', '{ assets(first: 1, after: "made up") { nodes { id } } }', 'INVALID_CURSOR'],
    ['a made-up id', '{ node(id: "made up") { id } }', 'INVALID_ID'],
  ])('%s is an error with a code', async (_what, query, code) => {
    const { errors } = await graphql(program.url, query);
    expect(errors?.[0]?.extensions['code']).toBe(code);
  });
});

describe('the library', () => {
  it('pages through every asset once, newest first', async () => {
    const seen: string[] = [];
    let [after, total, more]: [string | null, number, boolean] = [null, 0, true];
    while (more) {
      const { data } = await graphql(program.url, 'query($after: String) { assets(first: 2, after: $after) { totalCount nodes { id createdAt } pageInfo { endCursor hasNextPage } } }', { after });
      seen.push(...data.assets.nodes.map((asset: { id: string }) => asset.id));
      [after, total, more] = [data.assets.pageInfo.endCursor, data.assets.totalCount, data.assets.pageInfo.hasNextPage];
    }
    expect(seen.length).toBe(total);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('filters by seed, kind and prompt', async () => {
    const { data } = await graphql(program.url, '{ assets(first: 10, filter: { seed: 7, kind: [VIDEO], prompt: "POLAR" }) { nodes { __typename job { seed } } } }');
    expect(data.assets.nodes).toEqual([{ __typename: 'VideoAsset', job: { seed: 7 } }]);
  });

  it('says what runs where', async () => {
    const { data } = await graphql(program.url, '{ system { ready executionProvider queueDepth } models { name tasks limits { width frameCount } loaded } }');
    expect(data).toMatchObject({ system: { ready: true, executionProvider: 'cpu' }, models: [{ loaded: true }] });
    expect(data?.models[0].tasks).toEqual(expect.arrayContaining(['TEXT_TO_IMAGE', 'TEXT_TO_VIDEO']));
  });
});
