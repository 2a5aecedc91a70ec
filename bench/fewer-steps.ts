/**
 * What shortcuts of the engine save and change: the same prompts and seeds drawn plainly in each precision, and several positions in one run. Prints
 * steps of the model (a run of several positions is one) and processor time per clip, and how many codes are those of the plain run; keeps the codes, for an attribute reader to say what
 * it costs in quality:
 *
 *     python -m cinegraph_training.read_codes --write /tmp/prompts.json --count 200
 *     node bench/fewer-steps.ts models/cinegraph-small /tmp/prompts.json /tmp/codes.json [clips at a time, 8] [some of the lines: 'fp32,fp32 32 a run']
 *     python -m cinegraph_training.read_codes --read /tmp/codes.json
 *
 * A measurement, never a test. One thread.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { bundleFile, openBundle } from '../src/inference/core/bundle.ts';
import type { Precision } from '../src/inference/core/manifest.ts';
import { Sequence } from '../src/inference/core/sequence.ts';
import { taskSpec } from '../src/inference/core/task-spec.ts';
import { Engine, type EngineOptions } from '../src/inference/engine/engine.ts';
import { openModels } from '../src/inference/open-models.ts';
import { layOutPrompt } from '../src/inference/pipelines/prompt.ts';
import { TextTokenizer } from '../src/inference/tokenizers/text-tokenizer.ts';
import { VideoGrid } from '../src/inference/tokenizers/video-grid.ts';
import { VideoOutput } from '../src/inference/tokenizers/video-output.ts';

const POSITIONS_PER_RUN = [4, 8, 16, 32, 64];

const [dir = 'models/cinegraph-small', promptsFile, codesFile, clipsText = '8', linesText] = process.argv.slice(2);
const clipsAtOnce = Number(clipsText);
const lines = linesText?.split(',');
const bundle = await openBundle(dir);
const models = await openModels(bundle, { provider: 'cpu', threads: 1 });
const tokenizer = TextTokenizer.parse(readFileSync(bundleFile(bundle, bundle.manifest.text.file), 'utf8'));
const spec = taskSpec(bundle.manifest, 'TEXT_TO_VIDEO');
const grid = new VideoGrid(bundle.manifest);
const input = promptsFile === undefined ? { prompts: bundle.manifest.examples } : (JSON.parse(readFileSync(promptsFile, 'utf8')) as { readonly prompts: readonly string[] });

type Ways = Pick<EngineOptions, 'positionsPerRun'>;

interface Run {
  /** `[positions, 2]` of each clip. */
  readonly codes: readonly (readonly number[])[];
  readonly stepsPerClip: number;
  readonly cpuMsPerClip: number;
}

function sequenceOf(prompt: string, seed: number): Sequence {
  const { conditional, unconditional } = layOutPrompt(prompt, spec, bundle.manifest, new Set(), tokenizer, {});
  const sampling = { ...bundle.manifest.sampling, deterministic: true };
  const prefixes = sampling.guidance === 1 ? [conditional] : [conditional, unconditional];
  return new Sequence({ requestId: String(seed), candidate: 0, seed, sampling, prefixes, output: new VideoOutput(grid, { spec }) });
}

/** Steps that moved a sequence, padding aside: several that share a step count one each. */
async function run(ways: Ways): Promise<Run> {
  let steps = 0;
  const cpuAt = process.cpuUsage();
  const codes: number[][] = [];
  for (let first = 0; first < input.prompts.length; first += clipsAtOnce) {
    const engine = new Engine(models.language, bundle.manifest, { maxRows: 2 * clipsAtOnce, maxWaiting: clipsAtOnce, batchInvariant: true, headInvariant: true, aheadInvariant: true, ...ways });
    const clips = input.prompts.slice(first, first + clipsAtOnce).map((prompt, i) => sequenceOf(prompt, first + i));
    const follow = async (clip: Sequence): Promise<void> => {
      for await (const _ of engine.generate([clip], new AbortController().signal)) if (clip.done > 0) steps += 1;
    };
    await Promise.all(clips.map(follow));
    await engine.close();
    codes.push(...clips.map((clip) => [...clip.codes]));
  }
  const { user, system } = process.cpuUsage(cpuAt);
  return { codes, stepsPerClip: steps / codes.length, cpuMsPerClip: (user + system) / 1000 / codes.length };
}

const runs: Record<string, Run> = {};
async function measure(name: string, precision: Precision, ways: Ways): Promise<void> {
  if (lines?.includes(name) === false) return;
  models.language.use({ deterministic: precision, free: [precision] });
  runs[name] = await run(ways);
}

for (const precision of models.language.precisions) await measure(precision, precision, {});
for (const positionsPerRun of POSITIONS_PER_RUN) await measure(`fp32 ${positionsPerRun} a run`, 'fp32', { positionsPerRun });
const plain = runs['fp32'] as Run;
console.table(
  Object.entries(runs).map(([name, { codes, stepsPerClip, cpuMsPerClip }]) => {
    const places = codes.flatMap((clip, i) => clip.flatMap((a, at) => (at % 2 === 0 ? [a === plain.codes[i]?.[at] && clip[at + 1] === plain.codes[i]?.[at + 1]] : [])));
    const same = places.filter(Boolean).length / places.length;
    return { name, 'steps per clip': stepsPerClip.toFixed(1), 'fewer by': (plain.stepsPerClip / stepsPerClip).toFixed(2), 'cpu ms per clip': cpuMsPerClip.toFixed(0), 'codes as in fp32': same.toFixed(3) };
  }),
);
if (codesFile !== undefined) writeFileSync(codesFile, JSON.stringify({ ...input, codes: Object.fromEntries(Object.entries(runs).map(([name, { codes }]) => [name, codes])) }));
await models.close();
