import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCinegraphClient, type JobEvent } from '../../src/client/index.ts';
import { allEvents, framesDigest } from '../support/graphql-client.ts';
import { allGone, commandLine, descendants, startProgram, temporaryFolder, type Program } from '../support/server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let program: Program;
let expected: string | null;
const start = () => startProgram({ DATA_DIR: folder.path });
/** Four clips of half a minute: long enough for a blow to land in the middle. */
const INPUT = { prompt: 'a fox bounces on a red background', seed: 21, candidates: 4, durationMs: 30_000, sampling: { deterministic: true } };
beforeAll(async () => {
  folder = await temporaryFolder();
  program = await start();
  const job = await createCinegraphClient({ url: program.url }).textToVideo(INPUT);
  expected = framesDigest(await allEvents(program.url, job.id));
});
afterAll(async () => {
  await program?.stop();
  await folder?.remove();
});

/** Starts a clip and resolves with its id and what was seen up to the first frames. */
async function inTheMiddle(): Promise<{ readonly id: string; readonly seen: readonly JobEvent[] }> {
  const client = createCinegraphClient({ url: program.url });
  const { id } = await client.textToVideo(INPUT);
  const seen: JobEvent[] = [];
  for await (const event of client.watchJob(id)) {
    seen.push(event);
    if (event.__typename === 'FramesDecoded') break;
  }
  return { id, seen };
}

/** The job succeeded in the end, with the clips that its seed stands for, each stored once; the stream has no gap. */
async function expectRecovered(id: string): Promise<void> {
  const events = await allEvents(program.url, id);
  expect(events.map((event) => event.seq)).toEqual(events.map((_event, index) => index + 1));
  const last = events.at(-1);
  expect(last).toMatchObject({ __typename: 'JobFinished', job: { status: 'SUCCEEDED', outputs: [0, 1, 2, 3].map((candidate) => ({ candidate })) } });
  expect(events.filter((event) => event.__typename === 'AssetReady').length).toBe(4);
  // Else the clips were done before the blow, and nothing was recovered from.
  expect(events.filter((event) => event.__typename === 'JobStarted').length).toBeGreaterThan(1);
  expect(framesDigest(events)).toBe(expected);
}

it('the inference process is killed in the middle of a clip', async () => {
  const lines = await Promise.all((await descendants(program.pid)).map(async (pid) => ({ pid, line: await commandLine(pid) })));
  const inference = lines.find(({ line }) => line.includes('inference/process'));
  if (inference === undefined) throw new Error(`no inference process among ${JSON.stringify(lines)}`);
  const { id } = await inTheMiddle();
  process.kill(inference.pid, 'SIGKILL');
  await expectRecovered(id);
  expect(await commandLine(inference.pid)).toBe('');
});

it('the whole program is killed in the middle of a clip', async () => {
  const { id, seen } = await inTheMiddle();
  const children = await descendants(program.pid);
  program.signal('SIGKILL');
  await program.exit();
  await allGone(children);
  program = await start();
  await expectRecovered(id);
  const replayed = await allEvents(program.url, id);
  expect(replayed.slice(0, seen.length).map((event) => event.__typename)).toEqual(seen.map((event) => event.__typename));
});
