/**
 * Prints what the engine does on a bundle: ms per step, time to the first and to the last frame for one and for four clips at once,
 * deterministic sequences sharing their runs, running alone, and ordinary ones, also by steps.
 *
 *     node bench/engine.ts [models/cinegraph-small] [threads] [repeats]
 *
 * A measurement, never a test. With one thread the processor time of this process is what an idle machine would take; on a busy one the
 * wall clock shows the neighbours.
 */
import { readFileSync } from 'node:fs';
import { bundleFile, openBundle, type Bundle } from '../src/inference/core/bundle.ts';
import type { GenerationRequest } from '../src/inference/core/generation.ts';
import { findAheadInvariance } from '../src/inference/engine/ahead-invariance.ts';
import { findInvariance } from '../src/inference/engine/batch-invariance.ts';
import { Engine, type EngineOptions } from '../src/inference/engine/engine.ts';
import { KvCache } from '../src/inference/kv-cache/kv-cache.ts';
import { openModels, type Models } from '../src/inference/open-models.ts';
import { Generator } from '../src/inference/pipelines/generator.ts';
import { defaultThreads, deviceName } from '../src/inference/runtime/device.ts';
import { TextTokenizer } from '../src/inference/tokenizers/text-tokenizer.ts';
import { TokenLayout } from '../src/inference/tokenizers/token-layout.ts';
import { VideoGrid } from '../src/inference/tokenizers/video-grid.ts';

const MAX_ROWS = 16;
const STEPS = 120;
/** The default of the program. */
const POSITIONS_PER_RUN = 32;

const [dir = 'models/cinegraph-small', threadsText, repeatsText = '3'] = process.argv.slice(2);
const threads = threadsText === undefined ? defaultThreads() : Number(threadsText);
const repeats = Number(repeatsText);
const bundle = await openBundle(dir);
const models = await openModels(bundle, { provider: 'cpu', threads });
console.log(`${bundle.manifest.name}, ${deviceName('cpu', threads)}, ${new Date().toISOString().slice(0, 10)}`);
const provedAt = performance.now();
const { batchInvariant: invariant, headInvariant } = await findInvariance(bundle.manifest, models.language, MAX_ROWS);
console.log(`batch invariant: ${invariant}, head: ${headInvariant} (proof: ${(performance.now() - provedAt).toFixed(0)} ms, self-check: ${models.check.totalMs.toFixed(0)} ms)`);
const ahead = await findAheadInvariance(bundle.manifest, models.language, POSITIONS_PER_RUN);
console.log(`runs of ${POSITIONS_PER_RUN} positions over ${models.language.rowsAhead} rows, invariant: ${ahead}`);
console.table(await benchSteps(bundle, models));
console.table(await benchGraphs(bundle, models));
console.table(await benchClips(bundle, models));
await models.close();

interface Quantiles {
  readonly 'min ms': string;
  readonly 'p50 ms': string;
  /** Processor time, mean. */
  readonly 'cpu ms': string;
}

/** Processor time of this process so far, ms, all threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function quantiles(count: number, run: () => Promise<unknown>): Promise<Quantiles> {
  const times: number[] = [];
  const cpuAt = cpuMs();
  for (let i = 0; i < count; i += 1) {
    const at = performance.now();
    await run();
    times.push(performance.now() - at);
  }
  const cpu = (cpuMs() - cpuAt) / count;
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(share * times.length)] as number).toFixed(2);
  return { 'min ms': at(0), 'p50 ms': at(0.5), 'cpu ms': cpu.toFixed(2) };
}

/** One decode step and one head, at 200 valid cache entries a row. */
async function benchSteps({ manifest }: Bundle, { language }: Models): Promise<Record<string, unknown>[]> {
  const { maxLength } = manifest.languageModel;
  const cache = new KvCache<string>({ slots: MAX_ROWS, ...language.rowShape });
  const grid = new VideoGrid(manifest);
  const rows: Record<string, unknown>[] = [];
  for (const B of [1, 2, 4, 8, 16]) {
    const input = new TokenLayout(manifest).empty(B);
    for (let row = 0; row < B; row += 1) grid.write({ codes: new Int32Array(2048) }, 100, input, row);
    const lengths = new Int32Array(B).fill(Math.min(200, maxLength - 1));
    const times = await quantiles(STEPS, async () => {
      const { hidden } = await language.decode(input, lengths, cache.view(0, B));
      await language.head(hidden, new BigInt64Array(B));
    });
    rows.push({ step: `B = ${B}`, ...times, 'guided tokens / cpu s': ((1000 * Math.max(1, B / 2)) / Number(times['cpu ms'])).toFixed(0) });
  }
  return rows;
}

async function benchGraphs({ manifest }: Bundle, { language, decoder }: Models): Promise<Record<string, unknown>[]> {
  const [, height, width] = manifest.video.grid;
  const codes = new Int32Array(2 * height * width);
  const state = decoder.initialState();
  const layout = new TokenLayout(manifest);
  const prefix = layout.join(layout.plain(new Array<number>(24).fill(70)));
  return [
    { graph: 'prefill of 24 rows', ...(await quantiles(20, async () => await language.prefill(prefix))) },
    { graph: 'video decoder, one latent frame', ...(await quantiles(20, async () => await decoder.decode(codes, state))) },
  ];
}

interface ClipTimes {
  /** ms from the request to the first preview, the first final frames, the end. */
  readonly preview: number;
  readonly first: number;
  readonly last: number;
  /** The same in processor time. */
  readonly firstCpu: number;
  readonly lastCpu: number;
}

async function benchClips(bundle: Bundle, models: Models): Promise<Record<string, unknown>[]> {
  const modes = [
    { mode: 'ordinary', deterministic: false, batchInvariant: invariant, aheadInvariant: ahead, positionsPerRun: POSITIONS_PER_RUN },
    { mode: 'deterministic, sharing', deterministic: true, batchInvariant: true, aheadInvariant: true, positionsPerRun: POSITIONS_PER_RUN },
    { mode: 'deterministic, alone', deterministic: true, batchInvariant: false, aheadInvariant: false, positionsPerRun: POSITIONS_PER_RUN },
    { mode: 'ordinary, steps', deterministic: false, batchInvariant: invariant, aheadInvariant: false, positionsPerRun: 1 },
  ];
  const rows: Record<string, unknown>[] = [];
  for (const clips of [1, 4]) {
    for (const { mode, deterministic, ...options } of modes) {
      const runs: ClipTimes[] = [];
      for (let repeat = 0; repeat < repeats; repeat += 1) runs.push(await runClips(bundle, models, clips, deterministic, options));
      const least = (pick: (times: ClipTimes) => number): string => Math.min(...runs.map(pick)).toFixed(0);
      const tokens = clips * bundle.manifest.video.grid.reduce((product, extent) => product * extent, 1);
      rows.push({
        clips,
        mode,
        'preview ms': least((t) => t.preview),
        'first ms': least((t) => t.first),
        'last ms': least((t) => t.last),
        'first cpu ms': least((t) => t.firstCpu),
        'last cpu ms': least((t) => t.lastCpu),
        'tokens / cpu s': ((1000 * tokens) / Number(least((t) => t.lastCpu))).toFixed(0),
      });
    }
  }
  return rows;
}

/** Runs guided clips side by side; the times are those of the slowest. */
async function runClips(bundle: Bundle, models: Models, clips: number, deterministic: boolean, options: Pick<EngineOptions, 'batchInvariant' | 'aheadInvariant' | 'positionsPerRun'>): Promise<ClipTimes> {
  const engine = new Engine(models.language, bundle.manifest, { maxRows: MAX_ROWS, maxWaiting: 64, headInvariant, ...options });
  const tokenizer = TextTokenizer.parse(readFileSync(bundleFile(bundle, bundle.manifest.text.file), 'utf8'));
  const generator = new Generator({ bundle, engine, tokenizer, decoder: models.decoder, encoder: models.encoder, audio: models.audio, depth: models.depth, enlarger: models.enlarger, executionProvider: 'cpu' });
  const startedAt = performance.now();
  const cpuAt = cpuMs();
  const times = await Promise.all(
    Array.from({ length: clips }, async (_, seed): Promise<ClipTimes> => {
      const request: GenerationRequest = {
        id: String(seed),
        task: 'TEXT_TO_VIDEO',
        prompt: bundle.manifest.examples[seed % bundle.manifest.examples.length] ?? 'a fox',
        seed,
        candidates: 1,
        sampling: { ...bundle.manifest.sampling, guidance: 3, deterministic },
      };
      let [preview, first, last, firstCpu, lastCpu] = [Infinity, Infinity, Infinity, Infinity, Infinity];
      for await (const event of generator.generate(request, new AbortController().signal)) {
        const now = performance.now() - startedAt;
        if (event.type !== 'frames') continue;
        last = now;
        lastCpu = cpuMs() - cpuAt;
        if (!event.final) preview = Math.min(preview, now);
        else if (first === Infinity) [first, firstCpu] = [last, lastCpu];
      }
      return { preview, first, last, firstCpu, lastCpu };
    }),
  );
  await engine.close();
  const slowest = (pick: (time: ClipTimes) => number): number => Math.max(...times.map(pick));
  return {
    preview: slowest((t) => t.preview),
    first: slowest((t) => t.first),
    last: slowest((t) => t.last),
    firstCpu: slowest((t) => t.firstCpu),
    lastCpu: slowest((t) => t.lastCpu),
  };
}
