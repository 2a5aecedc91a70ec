/** Several processes on one database: who answers is not who makes. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient, type CinegraphClient } from '../../src/client/index.ts';
import { keyOf } from '../../src/resolvers/global-id.ts';
import { allEvents } from '../support/graphql-client.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { runProgram, startProgram, type Program } from '../support/server.ts';

/** Four clips of half a minute: long enough for a blow to land in the middle. */
const LONG = { prompt: 'a fox bounces on a red background', seed: 21, candidates: 4, durationMs: 30_000, sampling: { deterministic: true } };

describe('an api process and two workers', () => {
  let database: TestDatabase;
  let sql: pg.Client;
  let api: Program;
  let client: CinegraphClient;
  const workers = new Map<number, Program>();

  beforeAll(async () => {
    database = await createTestDatabase();
    sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
    const start = (role: string): Promise<Program> => startProgram({ DATABASE_URL: database.url, LOG_LEVEL: 'debug' }, ['--role', role]);
    const [first, ...others] = await Promise.all([start('api'), start('worker'), start('worker')]);
    api = first;
    for (const worker of others) workers.set(worker.pid, worker);
    client = createCinegraphClient({ url: api.url });
  }, 300_000);
  afterAll(async () => {
    for (const worker of workers.values()) await worker.stop();
    await api?.stop();
    await sql?.end();
    await database?.close();
  });

  /** The worker that has the job. Its name ends with its process id. */
  async function workerOf(jobId: string): Promise<Program> {
    const { rows } = await sql.query<{ worker: string }>('SELECT worker FROM job WHERE id = $1', [keyOf('Job', jobId, [])]);
    const worker = workers.get(Number(rows[0]?.worker.split(':').at(-1)));
    if (worker === undefined) throw new Error(`no worker ${rows[0]?.worker}`);
    return worker;
  }

  it('are listed with what they have', async () => {
    await expect.poll(async () => (await client.system()).workers.map(({ state }) => state), { timeout: 60_000 }).toEqual(['READY', 'READY']);
    const { workers: listed, ready, executionProvider } = await client.system();
    expect([ready, executionProvider]).toEqual([true, 'cpu']);
    for (const worker of listed) expect(worker).toMatchObject({ model: { name: 'tiny-random' }, executionProvider: 'cpu', slots: 8, usedSlots: 0, runningJobs: 0 });
    expect((await client.models()).map(({ name }) => name)).toEqual(['tiny-random']);
  });

  it('serve the live stream of a job that runs elsewhere, with its pictures', async () => {
    const job = await client.textToVideo({ prompt: 'a fox', seed: 1 });
    const events = await allEvents(api.url, job.id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const frames = events.flatMap((event) => (event.__typename === 'FramesDecoded' ? event.frames : []));
    const preview = await fetch(frames[0]?.url ?? '');
    expect([preview.status, preview.headers.get('content-type')]).toEqual([200, 'image/webp']);
    const last = events.at(-1);
    expect(last).toMatchObject({ __typename: 'JobFinished', job: { status: 'SUCCEEDED', outputs: [{ candidate: 0 }] } });
    expect((await workerOf(job.id)).pid).not.toBe(api.pid);
  });

  it('use both workers when one is full', async () => {
    const jobs = await Promise.all([1, 2].map((seed) => client.textToVideo({ ...LONG, seed, durationMs: 10_000 })));
    await Promise.all(jobs.map(({ id }) => allEvents(api.url, id)));
    expect(new Set(await Promise.all(jobs.map(async ({ id }) => (await workerOf(id)).pid))).size).toBe(2);
  });

  it('a worker that froze and wakes up late can write nothing more', async () => {
    const job = await client.textToVideo(LONG);
    let starts = 0;
    let frozen: Program | undefined;
    const seqs: number[] = [];
    // Since the newest start.
    const pieces: string[] = [];
    for await (const event of client.watchJob(job.id)) {
      seqs.push(event.seq);
      if (event.__typename === 'JobStarted') {
        starts += 1;
        pieces.length = 0;
      }
      if (event.__typename === 'FramesDecoded' && event.final) pieces.push(`${event.candidate} ${event.firstFrame}`);
      if (event.__typename === 'FramesDecoded' && starts === 1 && frozen === undefined) {
        frozen = await workerOf(job.id);
        frozen.signal('SIGSTOP');
      }
      // The other one has taken over, and is in the middle of it.
      if (event.__typename === 'FramesDecoded' && starts === 2) frozen?.signal('SIGCONT');
    }
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(starts).toBe(2);
    expect(new Set(pieces).size, 'nothing of the first run among the second one’s').toBe(pieces.length);
    expect((await workerOf(job.id)).pid).not.toBe(frozen?.pid);
    const { rows } = await sql.query<{ candidate: number }>('SELECT candidate FROM asset WHERE job_id = $1 ORDER BY candidate', [keyOf('Job', job.id, [])]);
    expect(rows.map(({ candidate }) => candidate)).toEqual([0, 1, 2, 3]);
    // It noticed, gave the run up, and works on.
    await frozen?.says(`"job":"${keyOf('Job', job.id, [])}","attempt":1`);
    await expect.poll(async () => (await client.system()).workers.map(({ state, usedSlots }) => [state, usedSlots]), { timeout: 60_000 }).toEqual([['READY', 0], ['READY', 0]]);
  });

  it('health and metrics are all that a worker answers', async () => {
    const [worker] = workers.values();
    const status = async (path: string): Promise<number> => (await fetch(`${worker?.url}${path}`)).status;
    expect(await Promise.all(['/health/live', '/health/ready', '/metrics', '/graphql'].map(status))).toEqual([200, 200, 200, 404]);
  });
});

it('a role that shares its database needs one to share', async () => {
  const { code, stderr } = await runProgram('src/main.ts', ['--role', 'worker'], {});
  expect([code, stderr]).toEqual([1, expect.stringMatching(/CONFIG_INVALID: .*DATABASE_URL/)]);
  expect((await runProgram('src/main.ts', ['--role', 'manager'], {})).stderr).toContain('CONFIG_INVALID: ROLE is "manager"; allowed: all, api or worker');
  expect((await runProgram('src/main.ts', ['--rol', 'api'], {})).stderr).toContain('CONFIG_INVALID: ');
});
