/**
 * What shortcuts of the engine save and change: the same prompts and seeds drawn plainly, in each precision, and with what stands still copied. Prints steps of
 * the model and processor time per clip, and how many codes are those of the plain run; keeps the codes, for an attribute reader to say what it costs in quality:
 *
 *     python -m cinegraph_training.read_codes --write /tmp/prompts.json --count 200
 *     node bench/fewer-steps.ts models/cinegraph-small /tmp/prompts.json /tmp/codes.json
 *     python -m cinegraph_training.read_codes --read /tmp/codes.json
 *
 * A measurement, never a test. One thread, eight clips at a time.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { bundleFile, openBundle } from '../src/inference/core/bundle.ts';
import { Sequence } from '../src/inference/core/sequence.ts';
import { taskSpec } from '../src/inference/core/task-spec.ts';
import { Engine } from '../src/inference/engine/engine.ts';
import { openModels } from '../src/inference/open-models.ts';
import { layOutPrompt } from '../src/inference/pipelines/prompt.ts';
import { TextTokenizer } from '../src/inference/tokenizers/text-tokenizer.ts';
import { VideoGrid } from '../src/inference/tokenizers/video-grid.ts';
import { VideoOutput } from '../src/inference/tokenizers/video-output.ts';

const CLIPS_AT_ONCE = 8;

const [dir = 'models/cinegraph-small', promptsFile, codesFile] = process.argv.slice(2);
const bundle = await openBundle(dir);
const models = await openModels(bundle, { provider: 'cpu', threads: 1 });
const tokenizer = TextTokenizer.parse(readFileSync(bundleFile(bundle, bundle.manifest.text.file), 'utf8'));
const spec = taskSpec(bundle.manifest, 'TEXT_TO_VIDEO');
const grid = new VideoGrid(bundle.manifest);
const input = promptsFile === undefined ? { prompts: bundle.manifest.examples } : (JSON.parse(readFileSync(promptsFile, 'utf8')) as { readonly prompts: readonly string[] });

interface Run {
  /** `[positions, 2]` of each clip. */
  readonly codes: readonly (readonly number[])[];
  readonly stepsPerClip: number;
  readonly cpuMsPerClip: number;
}

function sequenceOf(prompt: string, seed: number): Sequence {
  const { conditional, unconditional } = layOutPrompt(prompt, spec, bundle.manifest, new Set(), tokenizer, {});
  const sampling = { ...bundle.manifest.sampling, deterministic: true };
  return new Sequence({ requestId: String(seed), candidate: 0, seed, sampling, prefixes: [conditional, unconditional], output: new VideoOutput(grid, { spec }) });
}

async function run(copyUnchanged: boolean): Promise<Run> {
  let rows = 0;
  const decode: typeof models.language.decode = async (...args) => {
    rows += args[2].rows;
    return await models.language.decode(...args);
  };
  const language = new Proxy(models.language, {
    get(target, name) {
      const value: unknown = name === 'decode' ? decode : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const cpuAt = process.cpuUsage();
  const codes: number[][] = [];
  for (let first = 0; first < input.prompts.length; first += CLIPS_AT_ONCE) {
    const engine = new Engine(language, bundle.manifest, { maxRows: 2 * CLIPS_AT_ONCE, maxWaiting: CLIPS_AT_ONCE, batchInvariant: true, headInvariant: true, copyUnchanged });
    const sequences = input.prompts.slice(first, first + CLIPS_AT_ONCE).map((prompt, i) => sequenceOf(prompt, first + i));
    for await (const _ of engine.generate(sequences, new AbortController().signal));
    await engine.close();
    codes.push(...sequences.map((sequence) => [...sequence.codes]));
  }
  const { user, system } = process.cpuUsage(cpuAt);
  return { codes, stepsPerClip: rows / 2 / codes.length, cpuMsPerClip: (user + system) / 1000 / codes.length };
}

const runs: Record<string, Run> = {};
for (const precision of models.language.precisions) {
  models.language.use({ deterministic: precision, free: [precision] });
  runs[precision] = await run(false);
  runs[`${precision}, copied`] = await run(true);
}
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
