/**
 * Steps three sequences through the tiny bundle's decode graph on WebGPU and on the CPU, from the same beginnings; one leaves in the middle, one goes on in runs of several positions and
 * steps again; then clips of the engine. Sends what differs. A process of its
 * own: the Vulkan loader is found by LD_LIBRARY_PATH, which is read when a process starts.
 */
import { readFileSync } from 'node:fs';
import { openBundle } from '../../src/inference/core/bundle.ts';
import type { StepInput } from '../../src/inference/core/step-input.ts';
import { openSlots } from '../../src/inference/kv-cache/caches.ts';
import type { Slots } from '../../src/inference/kv-cache/slots.ts';
import { LanguageModel } from '../../src/inference/models/language-model.ts';
import { TokenLayout } from '../../src/inference/tokenizers/token-layout.ts';
import { TextTokenizer } from '../../src/inference/tokenizers/text-tokenizer.ts';
import { VideoGrid } from '../../src/inference/tokenizers/video-grid.ts';
import { makeSequence, openEngine, runToEnd, TINY_BUNDLE } from './inference.ts';

export interface WebGpuReport {
  readonly steps: number;
  /** Of all logits and of the kept row, the largest difference relative to the largest value. */
  readonly logits: number;
  readonly entries: number;
  /** Steps in which the most probable code was another. */
  readonly otherChoices: number;
  /** Whether a row's bits were the same while others stepped beside it as alone. */
  readonly alone: boolean;
  /** As above, of the positions that runs drew, of the row that they left, and of the step after them. */
  readonly runs: number;
  /** Clips, one of them guided, that the engine drew in runs with the cache on the device: how many have the codes of the CPU's steps. */
  readonly clips: number;
  readonly sameClips: number;
}

const SLOTS = 4;
const bundle = await openBundle(TINY_BUNDLE);
const { manifest } = bundle;
const { layers, kvHeads, maxLength, headDim, outputSize } = manifest.languageModel;
const shape = { slots: SLOTS, layers, kvHeads, maxLength, headDim };
const [layout, grid] = [new TokenLayout(manifest), new VideoGrid(manifest)];

const onCpu = new Set(['prefill', 'head', 'audioHead', 'textHead'].map((name) => manifest.languageModel[name as 'head']));
const cpu = await LanguageModel.open(bundle, { provider: 'cpu', threads: 1 });
const gpu = await LanguageModel.open(bundle, { provider: 'webgpu', threads: 1, onCpu });
const slots: readonly Slots<string>[] = [cpu, gpu].map((model) => openSlots<string>(shape, model.deviceRows(SLOTS)));

const { special, tasks } = manifest.languageModel.rows;
const prefixes = ['a', 'b', 'c'].map((_, i) => layout.join(layout.plain([special.bos, Object.values(tasks)[i] ?? special.bos, special.bot, special.eot, special.bov].slice(i === 1 ? 1 : 0))));
for (const cache of slots) for (const [i, owner] of ['a', 'b', 'c'].entries()) {
  cache.claim(owner, 1, 'shared');
  cache.write(i, await cpu.prefill(prefixes[i] as (typeof prefixes)[number]));
}

function told(position: number, owners: readonly number[]): StepInput {
  const input = layout.empty(owners.length);
  const codes = (owner: number) => Int32Array.from({ length: 2 * grid.frameSize * manifest.video.grid[0] }, (_, i) => (i * (owner + 3)) % manifest.video.subCodebooks[i % 2 === 0 ? 0 : 1]);
  owners.forEach((owner, row) => grid.write({ codes: codes(owner) }, position, input, row));
  return input;
}

function difference(left: Float32Array, right: Float32Array): number {
  const largest = left.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return left.reduce((max, value, i) => Math.max(max, Math.abs(value - (right[i] as number))), 0) / largest;
}

async function rowDifference(slot: number, entriesOf: number): Promise<number> {
  const [kept, found] = await Promise.all(slots.map(async (cache) => await cache.read(slot, entriesOf)));
  return Math.max(...[...(kept?.keys ?? []), ...(kept?.values ?? [])].map((layer, i) => difference(layer, [...(found?.keys ?? []), ...(found?.values ?? [])][i] as Float32Array)));
}

function choice(logits: Float32Array, row: number): number {
  const own = logits.subarray(row * outputSize, (row + 1) * outputSize);
  return own.indexOf(Math.max(...own));
}

let [steps, logits, otherChoices] = [0, 0, 0];
for (let owners = [0, 1, 2]; steps < 6; steps += 1) {
  if (steps === 3) {
    // The first one leaves: the others move up.
    for (const cache of slots) cache.release('a');
    owners = [1, 2];
  }
  const lengths = Int32Array.from(owners, (owner) => (prefixes[owner]?.length ?? 0) + steps);
  const [expected, found] = await Promise.all([cpu, gpu].map(async (model, m) => await model.decode(told(steps, owners), lengths, (slots[m] as Slots<string>).view(0, owners.length))));
  if (expected === undefined || found === undefined) throw new Error('no step was made');
  logits = Math.max(logits, difference(expected.logits, found.logits));
  owners.forEach((_, row) => (otherChoices += choice(expected.logits, row) === choice(found.logits, row) ? 0 : 1));
}
const length = (prefixes[2]?.length ?? 0) + steps;
const entries = await rowDifference(1, length);

const device = slots[1] as Slots<string>;
const both = await gpu.decode(told(steps, [1, 2]), Int32Array.of((prefixes[1]?.length ?? 0) + steps, length), device.view(0, 2));
const single = await gpu.decode(told(steps, [2]), Int32Array.of(length), device.view(1, 1));
const alone = single.logits.every((value, i) => Object.is(value, both.logits[outputSize + i]));

/** Windows of the row that is left, 5 and then 3 positions, each on both; then a step of it beside the other one. */
let runs = 0;
const windows = [5, 3];
let at = steps;
for (const count of windows) {
  const input = layout.join(...Array.from({ length: count }, (_, i) => told(at + i, [2])));
  const before = (prefixes[2]?.length ?? 0) + at;
  const outputs = await Promise.all([cpu, gpu].map(async (model, m) => await model.ahead(input, [{ count, length: before, cache: (slots[m] as Slots<string>).view(1, 1) }])));
  runs = Math.max(runs, ...(['logits', 'hidden'] as const).map((name) => difference(outputs[0]?.[name] as Float32Array, outputs[1]?.[name] as Float32Array)));
  at += count;
}
const end = (prefixes[2]?.length ?? 0) + at;
runs = Math.max(runs, await rowDifference(1, end));
const mixed = await Promise.all([cpu, gpu].map(async (model, m) => await model.decode(told(at, [1, 2]), Int32Array.of((prefixes[1]?.length ?? 0) + steps, end), (slots[m] as Slots<string>).view(0, 2))));
runs = Math.max(runs, difference(mixed[0]?.logits as Float32Array, mixed[1]?.logits as Float32Array), await rowDifference(1, end + 1));
await device.close();

const tokenizer = TextTokenizer.parse(readFileSync(`${TINY_BUNDLE}/text-tokenizer.json`, 'utf8'));
async function clipsOf(model: LanguageModel, positionsPerRun: number): Promise<readonly string[]> {
  const tiny = { bundle, tokenizer, models: { language: model } };
  const engine = openEngine(tiny, { maxRows: 4, positionsPerRun });
  const sequences = [1, 2].map((seed) => makeSequence(tiny, { seed, sampling: { guidance: seed === 1 ? 3 : 1 } }));
  await Promise.all(sequences.map(async (sequence) => await runToEnd(engine, sequence)));
  await engine.close();
  return sequences.map(({ codes }) => codes.join());
}
const [expectedClips, foundClips] = [await clipsOf(cpu, 1), await clipsOf(gpu, 8)];
const sameClips = foundClips.filter((codes, i) => codes === expectedClips[i]).length;

const report: WebGpuReport = { steps, logits, entries, otherChoices, alone, runs, clips: foundClips.length, sameClips };
process.send?.(report, () => process.exit(0));
