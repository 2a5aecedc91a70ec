/**
 * `node bench/assets.ts`: a page of 50 assets, filtered and searched, with jobs, parents and URLs, from a client on the same machine, with
 * 1,000 and with 100,000 assets in Postgres; PostGraphile on the same tables beside it, when it is
 * installed: `npm install --no-save postgraphile@5.1.5` (200 packages, too many for one line of a table to be a dependency). Prints a table
 * for bench/RESULTS.md. Never a timed test.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import pino from 'pino';
import { EmbeddedPostgres } from '../src/db/embedded/embedded-postgres.ts';
import { migrate } from '../src/db/migrate.ts';

const SIZES = [1000, 100_000] as const;
const WARM_UP = 10;
const REQUESTS = 100;

const FIELDS = `nodes { id title tags createdAt url job { id status seed input } parents(first: 3) { nodes { id url } }
  ... on VideoAsset { thumbnailUrl durationMs } } pageInfo { hasNextPage endCursor }`;
const CASES: Readonly<Record<string, string>> = {
  'filtered and searched: kind, tag, time, words': `{ assets(first: 50, filter: { kind: [VIDEO], tags: ["red"], search: "fox", createdAfter: "2000-01-02T00:00:00Z" }) { ${FIELDS} } }`,
  'a rare word': `{ assets(first: 50, filter: { search: "unicorn" }) { ${FIELDS} } }`,
  'no filter': `{ assets(first: 50) { ${FIELDS} } }`,
  'filtered and searched, with totalCount': `{ assets(first: 50, filter: { kind: [VIDEO], tags: ["red"], search: "fox" }) { totalCount ${FIELDS} } }`,
};
/** The same page as PostGraphile is asked for it: search and filters in a SQL function, its own way to do that. */
const POSTGRAPHILE = `{ benchAssets(words: "fox", first: 50) { nodes { id title tags createdAt sha256 durationMs jobByJobId { id status seed input }
  assetParentsByChildId(first: 3) { nodes { assetByParentId { id sha256 } } } } pageInfo { hasNextPage endCursor } } }`;

/** Every second asset is a clip, every second is tagged, every fourth shows a fox; one in a thousand shows a unicorn. Another owner has a tenth. */
const FILL = `
  INSERT INTO blob (sha256, byte_size) VALUES ('${'0'.repeat(64)}', 1000);
  INSERT INTO job (id, owner_id, task, status, input, input_digest, seed, candidates, sampling, model_name, model_digest, created_at, finished_at, title)
    SELECT ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, CASE WHEN i % 10 = 9 THEN 'other' ELSE 'local' END, 'TEXT_TO_VIDEO', 'SUCCEEDED',
      jsonb_build_object('prompt', concat_ws(' ', CASE WHEN i % 500 = 0 THEN 'a unicorn' END, 'a', (ARRAY['fox', 'robot', 'rocket', 'penguin'])[1 + i % 4], (ARRAY['running', 'spinning', 'bouncing'])[1 + i % 3],
        'on a', (ARRAY['red', 'blue', 'green', 'white', 'yellow'])[1 + i % 5], 'background number', i)), '', i, 1, '{}', 'bench', '', '2000-01-01'::timestamptz + i * interval '1 hour', now(), 'clip ' || i
    FROM generate_series(1, $COUNT / 2) i;
  INSERT INTO asset (id, owner_id, kind, origin, title, tags, content_type, byte_size, sha256, thumbnail_sha256, width, height, fps, frame_count, duration_ms, job_id, candidate, created_at)
    SELECT ('10000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, j.owner_id, (CASE WHEN i % 2 = 0 THEN 'VIDEO' ELSE 'IMAGE' END)::"AssetKind", 'GENERATED', 'asset ' || i,
      CASE WHEN (i / 2) % 2 = 0 THEN ARRAY['red', 'tag' || i % 50] ELSE ARRAY['tag' || i % 50] END, 'video/mp4', 1000, '${'0'.repeat(64)}', '${'0'.repeat(64)}', 128, 128, 8, 17, 2125, j.id, i % 2,
      j.created_at + i % 2 * interval '1 second'
    FROM generate_series(2, $COUNT + 1) i JOIN job j ON j.id = ('00000000-0000-4000-8000-' || lpad((i / 2)::text, 12, '0'))::uuid;
  INSERT INTO asset_parent (child_id, parent_id) SELECT a.id, b.id FROM asset a JOIN asset b ON b.owner_id = a.owner_id AND b.id = ('10000000-0000-4000-8000-' || lpad((right(a.id::text, 12)::bigint - 20)::text, 12, '0'))::uuid
    WHERE right(a.id::text, 12)::bigint > 22;
  CREATE FUNCTION bench_assets(words text) RETURNS SETOF asset LANGUAGE sql STABLE AS $f$
    SELECT * FROM asset a WHERE a.owner_id = 'local' AND a.kind = 'VIDEO' AND a.tags @> ARRAY['red'] AND a.search @@ asset_search_query(words) AND a.created_at >= '2000-01-02'
      AND a.deleted_at IS NULL ORDER BY a.created_at DESC, a.id DESC
  $f$;`;

interface Times {
  readonly p50: number;
  readonly p95: number;
  readonly nodes: number;
}

async function fill(url: string, count: number): Promise<void> {
  await migrate(url, { log: pino({ level: 'silent' }) });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(FILL.replaceAll('$COUNT', String(count)));
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}

async function measure(url: string, query: string): Promise<Times> {
  const times: number[] = [];
  let nodes = 0;
  for (let request = 0; request < WARM_UP + REQUESTS; request++) {
    const started = performance.now();
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) });
    const { data, errors } = (await response.json()) as { data?: Record<string, { nodes: unknown[] }>; errors?: unknown };
    if (request >= WARM_UP) times.push(performance.now() - started);
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    nodes = Object.values(data ?? {})[0]?.nodes.length ?? 0;
  }
  times.sort((a, b) => a - b);
  return { p50: times[Math.floor(times.length * 0.5)] ?? Number.NaN, p95: times[Math.floor(times.length * 0.95)] ?? Number.NaN, nodes };
}

async function measureOurs(databaseUrl: string): Promise<Record<string, Times>> {
  const env = { ...process.env, DATABASE_URL: databaseUrl, PORT: '0', LOG_LEVEL: 'silent' };
  const child = fork(path.join(import.meta.dirname, 'served-app.ts'), { env });
  try {
    const url = await served(child);
    const results: Record<string, Times> = {};
    for (const [name, query] of Object.entries(CASES)) results[name] = await measure(`${url}/graphql`, query);
    return results;
  } finally {
    if (child.connected) child.send('close');
    await once(child, 'exit', { signal: AbortSignal.timeout(30_000) }).catch(() => child.kill('SIGKILL'));
  }
}

async function served(child: ChildProcess): Promise<string> {
  const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(120_000) })) as [{ url: string }];
  return message.url;
}

/** The parts of PostGraphile that are used here. */
interface Postgraphile {
  readonly postgraphile: (preset: object) => { createServ(adaptor: unknown): { addTo(server: Server): Promise<void> }; release(): Promise<void> };
  readonly grafserv: unknown;
  readonly makePgService: (options: object) => object;
  readonly PostGraphileAmberPreset: object;
}

async function loadPostgraphile(): Promise<Postgraphile | undefined> {
  const modules = ['postgraphile', 'postgraphile/grafserv/node', 'postgraphile/adaptors/pg', 'postgraphile/presets/amber'];
  try {
    return Object.assign({}, ...(await Promise.all(modules.map((name) => import(name))))) as Postgraphile;
  } catch {
    return undefined;
  }
}

async function measurePostgraphile({ postgraphile, grafserv, makePgService, PostGraphileAmberPreset }: Postgraphile, databaseUrl: string): Promise<Times> {
  const pool = new pg.Pool({ connectionString: databaseUrl });
  const instance = postgraphile({ extends: [PostGraphileAmberPreset], pgServices: [makePgService({ pool, schemas: ['public'] })], grafserv: { watch: false, maxRequestLength: 100_000 } });
  const server = createServer();
  await instance.createServ(grafserv).addTo(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  try {
    return await measure(`http://127.0.0.1:${port}/graphql`, POSTGRAPHILE);
  } finally {
    server.close();
    await instance.release();
    await pool.end();
  }
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'cinegraph-bench-'));
const postgres = await EmbeddedPostgres.start({ dataDir, log: pino({ level: 'silent' }) });
try {
  const load = loadavg()[0] ?? 0;
  const ours: Record<string, Times>[] = [];
  const theirs: Times[] = [];
  const beside = await loadPostgraphile();
  for (const size of SIZES) {
    await postgres.ensureDatabase(`bench${size}`);
    const url = postgres.url(`bench${size}`);
    await fill(url, size);
    ours.push(await measureOurs(url));
    if (beside !== undefined) theirs.push(await measurePostgraphile(beside, url));
  }
  const row = (name: string, [small, large]: readonly (Times | undefined)[]) =>
    `| ${name} (${small?.nodes} / ${large?.nodes} nodes) | ${[small, large].map((times) => `${times?.p50.toFixed(1)} / ${times?.p95.toFixed(1)} ms`).join(' | ')} | ${((large?.p50 ?? 0) / (small?.p50 ?? 1)).toFixed(2)} x / ${((large?.p95 ?? 0) / (small?.p95 ?? 1)).toFixed(2)} x |`;
  console.log(`\n## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} at the start, Node ${process.versions.node}\n`);
  console.log(`| a page of 50 with jobs, parents and URLs | 1,000 assets: p50 / p95 | 100,000 assets: p50 / p95 | ratio p50 / p95 |\n|---|---|---|---|`);
  for (const name of Object.keys(CASES)) console.log(row(name, ours.map((results) => results[name])));
  if (beside !== undefined) console.log(row('PostGraphile 5, filtered and searched by a SQL function', theirs));
} finally {
  await postgres.close();
  await rm(dataDir, { recursive: true, force: true });
}
