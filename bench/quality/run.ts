/**
 * `node bench/quality/run.ts [--count textToVideo=20 ...]`: every task of the model, measured end to end. Python renders held-out cases, the program makes
 * them (whole, with a database of its own, through the client), Python reads the results. Writes RESULTS.md, results.json and extension.svg into this folder.
 * MODEL_DIR chooses the bundle. Tasks that it does not offer are said to be not offered.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import pLimit from 'p-limit';
import { pino } from 'pino';
import { z } from 'zod';
import { createCinegraphClient } from '../../src/client/index.ts';
import { TASK_NAMES } from '../../src/client/generated/operations.ts';
import { loadConfig } from '../../src/config.ts';
import { openMedia } from '../../src/media/media.ts';
import { CaseRunner } from './case-runner.ts';
import { type CaseResult, type QualityCase, readCases } from './cases.ts';
import { startProgram } from './program.ts';

/** What is not a task of its own: by which one it is measured. */
const MUTATIONS: Readonly<Record<string, string>> = { upscale: 'imageToVideo' };

/** Cases of each task, in the order in which they run (the long ones first), and the task's name in a manifest. */
const TASKS: Readonly<Record<string, readonly [manifest: string, count: number]>> = {
  extendVideo: ['EXTEND_VIDEO', 8],
  createFilm: ['FILM', 1],
  imageToVideo: ['IMAGE_TO_VIDEO', 60],
  upscale: ['IMAGE_TO_VIDEO', 30],
  textToVideo: ['TEXT_TO_VIDEO', 200],
  inpaintVideo: ['INPAINT_VIDEO', 20],
  outpaintVideo: ['OUTPAINT_VIDEO', 20],
  editVideo: ['EDIT_VIDEO', 27],
  stylizeVideo: ['STYLIZE_VIDEO', 60],
  audioToVideo: ['AUDIO_TO_VIDEO', 80],
  videoToAudio: ['VIDEO_TO_AUDIO', 40],
  textToAudio: ['TEXT_TO_AUDIO', 30],
  textToImage: ['TEXT_TO_IMAGE', 100],
  videoToText: ['VIDEO_TO_TEXT', 60],
  audioToText: ['AUDIO_TO_TEXT', 40],
};

interface Options {
  readonly count?: Readonly<Record<string, number>>;
  readonly share: number;
  readonly python: string;
  readonly work?: string;
  readonly out: string;
  readonly inFlight: number;
}

/** Longest request: the program and this process share a core. */
const REQUEST_MS = 300_000;
const ROOT = path.resolve(import.meta.dirname, '../..');

const command = new Command('quality')
  .description('Measures every task end to end through GraphQL, on held-out cases.')
  .option('--count <task=number...>', `cases of a task; the others keep theirs (${Object.entries(TASKS).map(([task, [, count]]) => `${task}=${count}`).join(' ')}); all=number sets every one`, countOf)
  .option('--share <fraction>', 'of the usual numbers of cases, at least 1 of each', Number, 1)
  .option('--python <file>', 'the training environment', path.join(ROOT, 'training/.venv/bin/python'))
  .option('--work <folder>', 'where cases and outputs are kept (default: a temporary folder)', (folder: string) => path.resolve(folder))
  .option('--out <folder>', 'where the results go', (folder: string) => path.resolve(folder), import.meta.dirname)
  .option('--in-flight <number>', 'cases at once', Number, 8);

function countOf(text: string, before: Record<string, number> = {}): Record<string, number> {
  const [task = '', count] = text.split('=');
  if ((TASKS[task] === undefined && task !== 'all') || !/^\d+$/.test(count ?? '')) throw new InvalidArgumentError('It must be a task and a number, textToVideo=20.');
  return { ...before, [task]: Number(count) };
}

const manifestShape = z.object({
  name: z.string(), createdAt: z.string(), trainingCommit: z.string(), tasks: z.array(z.string()), superResolution: z.unknown().optional(), files: z.array(z.object({ path: z.string(), sha256: z.string() })),
});

async function readBundle(folder: string): Promise<{ readonly tasks: readonly string[]; readonly enlarges: boolean; readonly facts: Readonly<Record<string, string>> }> {
  const bytes = await readFile(path.join(folder, 'manifest.json'));
  const { tasks, superResolution, files, name, createdAt, trainingCommit } = manifestShape.parse(JSON.parse(bytes.toString('utf8')));
  const weights = files.find((file) => file.path === 'lm-weights.bin')?.sha256 ?? '';
  return { tasks, enlarges: superResolution !== undefined, facts: { name, digest: createHash('sha256').update(bytes).digest('hex'), weights, createdAt, trainingCommit } };
}

async function python({ python }: Options, module: string, args: readonly string[]): Promise<void> {
  const child = spawn(python, ['-m', `cinegraph_training.${module}`, ...args], { cwd: path.join(ROOT, 'training'), stdio: 'inherit', env: { ...process.env, OMP_NUM_THREADS: '1' } });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`cinegraph_training.${module} ended with ${code}`);
}

async function runCases(cases: readonly QualityCase[], work: string, inFlight: number): Promise<Record<string, CaseResult>> {
  const program = await startProgram();
  const media = await openMedia({ encoders: 1, log: pino({ level: 'error' }) });
  const client = createCinegraphClient({ url: program.url, timeoutMs: REQUEST_MS });
  const results: Record<string, CaseResult> = {};
  const seconds: Record<string, number> = {};
  try {
    const runner = new CaseRunner({ client, media, work });
    const limit = pLimit(inFlight);
    const started = performance.now();
    let last = started;
    await Promise.all(cases.map((one) => limit(async () => {
      const result = await runner.run(one);
      results[one.id] = result;
      const now = performance.now();
      seconds[one.task] = (seconds[one.task] ?? 0) + (now - last) / 1000;
      last = now;
      const done = Object.keys(results).length;
      if (result.error !== null) console.error(`${one.id} failed: ${result.error}`);
      if (done % 20 === 0 || done === cases.length) console.error(`${done} of ${cases.length} cases, ${((now - started) / 1000).toFixed(0)} s`);
    })));
  } finally {
    client.close();
    await Promise.all([media.close(), program.close()]);
  }
  console.error(`seconds by task: ${Object.entries(seconds).map(([task, time]) => `${task} ${time.toFixed(0)}`).join(', ')}`);
  return results;
}

async function main(options: Options): Promise<void> {
  const started = performance.now();
  const load = (loadavg()[0] ?? 0).toFixed(1);
  const bundle = await readBundle(loadConfig().modelDir);
  const names: readonly string[] = TASK_NAMES;
  const offered = Object.entries(TASKS).filter(([task, [manifest]]) => bundle.tasks.includes(manifest) && names.includes(MUTATIONS[task] ?? task) && (task !== 'upscale' || bundle.enlarges));
  const counts = offered.map(([task, [, count]]) => [task, options.count?.[task] ?? options.count?.['all'] ?? Math.max(1, Math.round(count * options.share))] as const).filter(([, count]) => count > 0);
  const work = options.work ?? (await mkdtemp(path.join(tmpdir(), 'cinegraph-quality-')));
  try {
    await mkdir(path.join(work, 'outputs'), { recursive: true });
    const sounding = bundle.tasks.includes('VIDEO_TO_AUDIO') && names.includes('videoToAudio') ? ['--sounding'] : [];
    await python(options, 'quality_cases', ['--out', work, ...sounding, '--tasks', ...counts.map(([task, count]) => `${task}=${count}`)]);
    const cases = await runCases(await readCases(work), work, options.inFlight);
    const missing = Object.keys(TASKS).filter((task) => !offered.some(([name]) => name === task));
    const facts = {
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load} at the start, Node ${process.versions.node}`,
      bundle: bundle.facts, notOffered: missing, programSeconds: Math.round((performance.now() - started) / 1000),
    };
    await writeFile(path.join(work, 'results.json'), JSON.stringify({ ...facts, cases }, null, 1));
    await python(options, 'quality_read', ['--work', work, '--out', options.out, '--bundle', loadConfig().modelDir]);
    console.error(`${((performance.now() - started) / 1000).toFixed(0)} s in all`);
    if (Object.values(cases).some(({ error }) => error !== null)) process.exitCode = 1;
  } finally {
    if (options.work === undefined) await rm(work, { recursive: true, force: true });
  }
}

await main(command.parse().opts<Options>());
