/**
 * Makes 5,000 clips of the tiny bundle, some of them canceled on the way, in a process that is run like an inference process, and prints what it
 * holds after the first 100 and after all: memory, tensors, and the counted rows, slots and readers of the idle engine.
 *
 *     node bench/leak.ts [clips] [before]
 */
import { fork } from 'node:child_process';
import { queryObjects, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Tensor } from 'onnxruntime-node';
import { INFERENCE_NODE } from '../src/inference/ipc/child-link.ts';
import { Sequence } from '../src/inference/core/sequence.ts';
import { makeRequest, openEngine, openGenerator, openTinyInference } from '../test/support/inference.ts';
import { residentOf } from './process-memory.ts';

const [clips, before] = [Number(process.argv[2] ?? 5000), Number(process.argv[3] ?? 100)];
const AT_ONCE = 8;
const PROMPTS = ['a fox', 'an octopus spins', 'a polar bear moves to the left on a blue background', 'a red fox bounces'];

if (process.send === undefined) fork(import.meta.filename, process.argv.slice(2), INFERENCE_NODE);
else await measureClips();

async function measureClips(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const tiny = await openTinyInference();
  const engine = openEngine(tiny, { maxRows: AT_ONCE });
  const generator = openGenerator(tiny, engine);

  /** One clip; every seventh is left in the middle. */
  const make = async (index: number): Promise<void> => {
    const request = makeRequest({
      id: String(index),
      owner: `owner-${index % 3}`,
      seed: index,
      prompt: `${PROMPTS[index % PROMPTS.length] ?? ''} ${index % 50}`,
      task: index % 2 === 0 ? 'TEXT_TO_VIDEO' : 'TEXT_TO_IMAGE',
      sampling: { guidance: index % 3 === 0 ? 3 : 1 },
    });
    for await (const event of generator.generate(request, new AbortController().signal)) if (index % 7 === 0 && event.type === 'frames') return;
  };

  const measure = async () => {
    await engine.idle();
    engine.checkIntegrity();
    // Twice: what a finalizer lets go is collected by the next.
    for (let i = 0; i < 2; i += 1) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { heapUsed, heapTotal, external } = process.memoryUsage();
    const { resident, anonymous } = await residentOf(process.pid);
    return { held: (heapUsed + external) / 2 ** 20, resident, 'in no file': anonymous, 'heap of that': heapTotal / 2 ** 20, tensors: queryObjects(Tensor), sequences: queryObjects(Sequence) };
  };

  let next = 0;
  const makeUntil = async (end: number): Promise<void> => {
    const worker = async (): Promise<void> => {
      while (next < end) await make(next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };

  const startedAt = performance.now();
  await makeUntil(before);
  const first = await measure();
  const cpuBefore = process.cpuUsage();
  await makeUntil(clips);
  const { user, system } = process.cpuUsage(cpuBefore);
  const last = await measure();
  const growth = (of: 'held' | 'resident'): string => `${(100 * (last[of] / first[of] - 1)).toFixed(1)} % ${of}`;
  console.log(`${new Date().toISOString().slice(0, 10)}, ${clips} clips in ${((performance.now() - startedAt) / 1000).toFixed(0)} s, ${((user + system) / 1000 / (clips - before)).toFixed(2)} ms of processor time each`);
  console.table({ [`after ${before} clips`]: first, [`after ${clips} clips`]: last });
  console.log(`growth: ${growth('held')}, ${growth('resident')}`);
  console.log('in the idle engine:', JSON.stringify({ ...engine.usage, readers: engine.watched }));
  await engine.close();
  await tiny.models.close();
  process.disconnect();
}
