/**
 * Prints how the engine shares a machine: tokens per second of eight clips at once against one, each clip's part of them, how long the eight
 * wait for a ninth that joins, and how many clips differ from their runs alone, in deterministic mode and outside it.
 *
 *     node bench/engine-load.ts [models/cinegraph-small] [threads] [repeats] [guidance] [precision] [positions in a run, 32,1]
 *
 * The steps alone: no frames are decoded. A measurement, never a test. With one thread the processor time of this process is what an idle
 * machine would take; on a busy one the wall clock shows the neighbours. Guidance: the bundle's own unless it is given; 1 is one row for each clip. Without a
 * precision (or with `-`) the engine measures and chooses, as it does at a start. Guidance `-` is the bundle's own. Each number of positions is a mode, 1 that of steps.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { bundleFile, openBundle } from '../src/inference/core/bundle.ts';
import { Sequence } from '../src/inference/core/sequence.ts';
import { taskSpec } from '../src/inference/core/task-spec.ts';
import { findAheadInvariance } from '../src/inference/engine/ahead-invariance.ts';
import { findInvariance } from '../src/inference/engine/batch-invariance.ts';
import { Engine } from '../src/inference/engine/engine.ts';
import { choosePrecisions, type PrecisionChoice } from '../src/inference/engine/precision-choice.ts';
import { openModels } from '../src/inference/open-models.ts';
import { layOutPrompt } from '../src/inference/pipelines/prompt.ts';
import { defaultThreads, deviceName } from '../src/inference/runtime/device.ts';
import { TextTokenizer } from '../src/inference/tokenizers/text-tokenizer.ts';
import { VideoGrid } from '../src/inference/tokenizers/video-grid.ts';
import { VideoOutput } from '../src/inference/tokenizers/video-output.ts';

const CLIPS = 8;
const MAX_ROWS = 2 * (CLIPS + 1);
/** Tokens that each of the running clips has when the ninth joins. */
const JOIN_AT = 80;

const [dir = 'models/cinegraph-small', threadsText, repeatsText = '5', guidanceText = '-', precisionText, positionsText = '32,1'] = process.argv.slice(2);
const threads = threadsText === undefined ? defaultThreads() : Number(threadsText);
const repeats = Number(repeatsText);
const load = loadavg()[0] ?? 0;
const bundle = await openBundle(dir);
const models = await openModels(bundle, { provider: 'cpu', threads });
const tokenizer = TextTokenizer.parse(readFileSync(bundleFile(bundle, bundle.manifest.text.file), 'utf8'));
const positions = positionsText.split(',').map(Number);
const guidance = guidanceText === '-' ? bundle.manifest.sampling.guidance : Number(guidanceText);
const precision = models.language.precisions.find((known) => known === precisionText);
if (precision !== undefined) models.language.use({ deterministic: precision, free: [precision] });
const chosen: PrecisionChoice = precision === undefined ? await chooseAnew() : { plan: { deterministic: precision, free: [precision] }, invariance: undefined };
const { batchInvariant, headInvariant } = chosen.invariance ?? (await findInvariance(bundle.manifest, models.language, MAX_ROWS));
const aheadInvariant = await findAheadInvariance(bundle.manifest, models.language, Math.max(...positions));
const invariance = { batchInvariant, headInvariant, aheadInvariant };
console.log(`${bundle.manifest.name}, ${deviceName('cpu', threads)}, ${new Date().toISOString().slice(0, 10)}, load ${load.toFixed(1)}`);
console.log(`precisions: deterministic ${chosen.plan.deterministic}, else by rows ${chosen.plan.free.join(' ')}`);
console.log(`batch invariant: ${invariance.batchInvariant}, head: ${invariance.headInvariant}, runs of several positions: ${aheadInvariant}`);
console.log(`rows of a run: ${models.language.rowsAhead}`);

/** What one run of clips side by side took and made. */
interface Run {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly sequences: readonly Sequence[];
  /** The least and the fair share of the tokens until the first clip ended. */
  readonly leastShare: number;
}

interface Join {
  /** Longest time between two tokens of a running clip, ms: over the steps before, and from the ninth's arrival to its third token. */
  readonly before: number;
  readonly during: number;
  /** The same as processor time. */
  readonly beforeCpu: number;
  readonly duringCpu: number;
}

/** Runs of one mode. */
interface Mode {
  readonly positionsPerRun: number;
  readonly ones: Run[];
  readonly eights: Run[];
  readonly joins: Join[];
}

for (const deterministic of [true, false]) {
  const modes = positions.map((positionsPerRun): Mode => ({ positionsPerRun, ones: [], eights: [], joins: [] }));
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    // Interleaved: what disturbs one disturbs the others.
    for (const { positionsPerRun, ones, eights, joins } of modes) {
      ones.push(await runTogether([newClip(repeat, deterministic)], positionsPerRun));
      eights.push(await runTogether(Array.from({ length: CLIPS }, (_, seed) => newClip(seed, deterministic)), positionsPerRun));
      joins.push(await joinNinth(deterministic, positionsPerRun));
    }
  }
  for (const mode of modes) await print(mode, deterministic);
}
await models.close();

async function print({ positionsPerRun, ones, eights, joins }: Mode, deterministic: boolean): Promise<void> {
  const rate = (run: Run, by: 'wallMs' | 'cpuMs'): number => (1000 * run.sequences.length * (run.sequences[0]?.total ?? 0)) / run[by];
  const rates = (runs: readonly Run[]) => ({ wall: median(runs.map((run) => rate(run, 'wallMs'))).toFixed(0), cpu: median(runs.map((run) => rate(run, 'cpuMs'))).toFixed(0) });
  const ratio = (by: 'wallMs' | 'cpuMs'): string => median(eights.map((run, i) => rate(run, by) / rate(ones[i] as Run, by))).toFixed(2);
  const joined = (pick: (join: Join) => number): string => `${median(joins.map(pick)).toFixed(1)} / ${Math.max(...joins.map(pick)).toFixed(1)}`;
  console.log(`\n${deterministic ? 'deterministic' : 'ordinary'} clips, ${positionsPerRun === 1 ? 'steps' : `runs of ${positionsPerRun} positions`}, guidance ${guidance}, median of ${repeats}`);
  console.table({
    'tokens / s, one clip': rates(ones),
    [`tokens / s, ${CLIPS} clips`]: rates(eights),
    'ratio': { wall: ratio('wallMs'), cpu: ratio('cpuMs') },
    'longest pause before the ninth, ms, median / max': { wall: joined(({ before }) => before), cpu: joined(({ beforeCpu }) => beforeCpu) },
    'longest pause while it joins': { wall: joined(({ during }) => during), cpu: joined(({ duringCpu }) => duringCpu) },
  });
  const different = await countDifferent(eights[0]?.sequences ?? [], deterministic, positionsPerRun);
  console.log(`least part of the tokens: ${(100 * Math.min(...eights.map((run) => run.leastShare))).toFixed(0)} % of the fair share`);
  console.log(`different from their runs alone: ${different} of ${CLIPS} clips`);
}

function newClip(seed: number, deterministic: boolean): Sequence {
  const { manifest } = bundle;
  const spec = taskSpec(manifest, 'TEXT_TO_VIDEO');
  const prompt = manifest.examples[seed % manifest.examples.length] ?? 'a fox';
  const { conditional, unconditional } = layOutPrompt(prompt, spec, manifest, new Set(), tokenizer);
  const sampling = { ...manifest.sampling, guidance, deterministic };
  return new Sequence({ requestId: `clip-${seed}`, candidate: 0, seed, output: new VideoOutput(new VideoGrid(manifest), { spec }), sampling, prefixes: guidance === 1 ? [conditional] : [conditional, unconditional] });
}

/** The choice of a first start: kept nowhere. */
async function chooseAnew(): Promise<PrecisionChoice> {
  const folder = mkdtempSync(path.join(tmpdir(), 'cinegraph-load-'));
  try {
    return await choosePrecisions(bundle.manifest, models.language, MAX_ROWS, { file: path.join(folder, 'precisions.json'), holdsFor: 'bench' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function openEngine(positionsPerRun: number): Engine {
  return new Engine(models.language, bundle.manifest, { maxRows: MAX_ROWS, maxWaiting: 64, ...invariance, positionsPerRun });
}

async function follow(engine: Engine, sequence: Sequence, moved: () => void = () => undefined): Promise<void> {
  for await (const _ of engine.generate([sequence], new AbortController().signal)) moved();
}

async function runTogether(sequences: readonly Sequence[], positionsPerRun: number): Promise<Run> {
  const engine = openEngine(positionsPerRun);
  let leastShare: number | undefined;
  const [startedAt, cpuAt] = [performance.now(), cpuMs()];
  await Promise.all(
    sequences.map(async (sequence) =>
      await follow(engine, sequence, () => {
        if (sequence.done < sequence.total) return;
        const made = sequences.map(({ done }) => done);
        leastShare ??= (Math.min(...made) * made.length) / made.reduce((sum, done) => sum + done, 0);
      }),
    ),
  );
  const run = { wallMs: performance.now() - startedAt, cpuMs: cpuMs() - cpuAt, sequences, leastShare: leastShare ?? 0 };
  await engine.close();
  return run;
}

/** Eight clips run, a ninth with a prompt of its own joins; all are left once it has a few tokens. */
async function joinNinth(deterministic: boolean, positionsPerRun: number): Promise<Join> {
  const engine = openEngine(positionsPerRun);
  const running = Array.from({ length: CLIPS }, (_, seed) => newClip(seed, deterministic));
  const ninth = newClip(CLIPS, deterministic);
  const stop = new AbortController();
  const longest = { before: 0, during: 0, beforeCpu: 0, duringCpu: 0 };
  let arrival: Promise<void> | undefined;
  const watch = async (sequence: Sequence): Promise<void> => {
    let [at, cpuAt] = [0, 0];
    for await (const _ of engine.generate([sequence], stop.signal)) {
      const [now, cpu] = [performance.now(), cpuMs()];
      const [wall, busy] = arrival === undefined ? (['before', 'beforeCpu'] as const) : (['during', 'duringCpu'] as const);
      // Once all have begun.
      if (running.every(({ done }) => done > 1)) {
        longest[wall] = Math.max(longest[wall], now - at);
        longest[busy] = Math.max(longest[busy], cpu - cpuAt);
      }
      [at, cpuAt] = [now, cpu];
      if (arrival === undefined && running.every(({ done }) => done >= JOIN_AT)) {
        arrival = follow(engine, ninth, () => {
          if (ninth.done >= 3) stop.abort();
        });
        arrival.catch(() => undefined);
      }
    }
  };
  await Promise.allSettled(running.map(watch));
  await engine.close();
  await arrival?.catch(() => undefined);
  return longest;
}

async function countDifferent(together: readonly Sequence[], deterministic: boolean, positionsPerRun: number): Promise<number> {
  let different = 0;
  for (const sequence of together) {
    const alone = newClip(sequence.input.seed, deterministic);
    const engine = openEngine(positionsPerRun);
    await follow(engine, alone);
    await engine.close();
    if (sequence.codes.some((code, i) => code !== alone.codes[i])) different += 1;
  }
  return different;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** Processor time of this process so far, ms, all threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
