/**
 * Makes 5,000 clips of the tiny bundle, some of them canceled on the way, and prints what the process holds after the first 100 and after
 * all: memory after a collection, and the counted rows, slots and readers of the idle engine.
 *
 *     node bench/leak.ts [clips] [before]
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { makeRequest, openEngine, openGenerator, openTinyInference } from '../test/support/inference.ts';

const [clips, before] = [Number(process.argv[2] ?? 5000), Number(process.argv[3] ?? 100)];
const AT_ONCE = 8;
const PROMPTS = ['a fox', 'an octopus spins', 'a polar bear moves to the left on a blue background', 'a red fox bounces'];

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const tiny = await openTinyInference();
const engine = openEngine(tiny, { maxRows: AT_ONCE });
const generator = openGenerator(tiny, engine);

/** One clip; every seventh is left in the middle. */
async function make(index: number): Promise<void> {
  const request = makeRequest({
    id: String(index),
    owner: `owner-${index % 3}`,
    seed: index,
    prompt: `${PROMPTS[index % PROMPTS.length] ?? ''} ${index % 50}`,
    task: index % 2 === 0 ? 'TEXT_TO_VIDEO' : 'TEXT_TO_IMAGE',
    sampling: { guidance: index % 3 === 0 ? 3 : 1 },
  });
  for await (const event of generator.generate(request, new AbortController().signal)) if (index % 7 === 0 && event.type === 'frames') return;
}

async function measure(): Promise<{ megabytes: number; resident: number }> {
  await engine.idle();
  engine.checkIntegrity();
  // Twice: what a finalizer lets go is collected by the next.
  for (let i = 0; i < 2; i += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { megabytes: (heapUsed + external) / 1e6, resident: rss / 1e6 };
}

let next = 0;
async function makeUntil(end: number): Promise<void> {
  const worker = async (): Promise<void> => {
    while (next < end) await make(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const startedAt = performance.now();
await makeUntil(before);
const first = await measure();
await makeUntil(clips);
const last = await measure();
console.log(`${new Date().toISOString().slice(0, 10)}, ${clips} clips in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
console.table({ [`after ${before} clips`]: first, [`after ${clips} clips`]: last });
console.log(`growth: ${(100 * (last.megabytes / first.megabytes - 1)).toFixed(1)} % held after a collection, ${(100 * (last.resident / first.resident - 1)).toFixed(1)} % resident`);
console.log('in the idle engine:', JSON.stringify({ ...engine.usage, readers: engine.watched }));
await engine.close();
await tiny.models.close();
