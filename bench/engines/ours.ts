/**
 * Our decode graph for bench/engine-table.ts, as the engine runs it: in place, through src/inference/runtime.
 *
 *     node bench/engines/ours.ts <folder> <form> <threads> <cache entries> <clock>
 */
import { readFileSync } from 'node:fs';
import { GraphSession, type Tensors } from '../../src/inference/runtime/graph-session.ts';
import { floatTensor, int32Tensor, int64Tensor, int8Tensor } from '../../src/inference/runtime/tensors.ts';
import type { Shape } from '../engine-table.ts';
import { serve, type Prepared } from './worker.mjs';

const FLOOR_SIZE = 1024;

const [folder = '', form = '', threads = '1', entries = '512', clock = 'wall'] = process.argv.slice(2);
const shape = JSON.parse(readFileSync(`${folder}/shape.json`, 'utf8')) as Shape;
const isFloor = form.startsWith('floor-');
const hasInt8Caches = form.endsWith('-q8');
const session = await GraphSession.open(`${folder}/${isFloor ? form : `decode-${form}`}.onnx`, { provider: 'cpu', threads: Number(threads), wholeAttention: hasInt8Caches });

serve(clock, isFloor ? squareProduct : decodeSteps);

/** A product of two square matrices. */
function squareProduct(): Prepared {
  const x = floatTensor(new Float32Array(FLOOR_SIZE * FLOOR_SIZE).fill(0.5), [FLOOR_SIZE, FLOOR_SIZE]);
  return {
    async step() {
      await session.run({ x });
    },
  };
}

function decodeSteps(B: number): Prepared {
  const { feeds, fetches } = cacheTensors(B);
  fetches['logits'] = floatTensor(new Float32Array(B * shape.output_size), [B, shape.output_size]);
  fetches['hidden'] = floatTensor(new Float32Array(B * shape.width), [B, shape.width]);
  return {
    async step(i) {
      const length = Number(entries) + i;
      const ids = int64Tensor(BigInt64Array.from({ length: B }, (_, row) => BigInt(7 + row)), [B, 1]);
      const seqlens = int32Tensor(new Int32Array(B).fill(length), [B]);
      await session.runInPlace({ ...feeds, ids, seqlens_k: seqlens, total_sequence_length: int32Tensor(Int32Array.of(length + 1), []) }, fetches);
    },
  };
}

function cacheTensors(B: number): Record<'feeds' | 'fetches', Record<string, Tensors[string]>> {
  const [feeds, fetches]: [Record<string, Tensors[string]>, Record<string, Tensors[string]>] = [{}, {}];
  const dims = [B, shape.kv_heads, shape.max_length, shape.head_dim];
  const size = dims.reduce((product, extent) => product * extent, 1);
  for (let layer = 0; layer < shape.layers; layer += 1) {
    for (const side of ['key', 'value']) {
      const tensor = hasInt8Caches ? int8Tensor(new Int8Array(size).fill(1), dims) : floatTensor(new Float32Array(size).fill(0.01), dims);
      feeds[`past_${side}_${layer}`] = tensor;
      fetches[`present_${side}_${layer}`] = tensor;
    }
  }
  return { feeds, fetches };
}
