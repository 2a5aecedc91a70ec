/**
 * The decode graph on one provider for bench/gpu.ts, as the engine runs it: on WebGPU the cache stays on the device, on the CPU it is written in place, under CUDA it
 * crosses the bus.
 *
 *     node bench/engines/gpu.ts <folder> <form> <provider> <cache entries> <steps> <batches>
 */
import { readFileSync } from 'node:fs';
import { GpuRows } from '../../src/inference/runtime/gpu-rows.ts';
import { GraphSession, type ExecutionProvider, type Tensors } from '../../src/inference/runtime/graph-session.ts';
import { floatTensor, int32Tensor, int64Tensor } from '../../src/inference/runtime/tensors.ts';
import type { Shape } from '../engine-table.ts';

export type StepReport = { readonly ms: number } | { readonly failure: string };

const WARM_STEPS = 3;
const [folder = '', form = '', provider = 'cpu', entries = '512', steps = '50', batches = '1'] = process.argv.slice(2);
const shape = JSON.parse(readFileSync(`${folder}/shape.json`, 'utf8')) as Shape;
const sides = Array.from({ length: shape.layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();

function report(found: StepReport): void {
  process.send?.(found);
}

function idsOf(B: number): BigInt64Array {
  return BigInt64Array.from({ length: B }, (_, row) => BigInt(7 + row));
}

/** One step at position `length`. */
async function prepare(session: GraphSession, B: number): Promise<(length: number) => Promise<unknown>> {
  if (provider === 'webgpu') {
    const rows = new GpuRows({ rows: B, layers: shape.layers, kvHeads: shape.kv_heads, maxLength: shape.max_length, headDim: shape.head_dim });
    const places = Array.from({ length: B }, (_, row) => row);
    return async (length) => await rows.step({ session, places, lengths: new Int32Array(B).fill(length), ids: { ids: idsOf(B) }, fetch: ['logits', 'hidden'] });
  }
  const dims = [B, shape.kv_heads, shape.max_length, shape.head_dim];
  const feeds: Record<string, Tensors[string]> = {};
  const fetches: Record<string, Tensors[string]> = { logits: floatTensor(new Float32Array(B * shape.output_size), [B, shape.output_size]), hidden: floatTensor(new Float32Array(B * shape.width), [B, shape.width]) };
  for (const side of sides) {
    const tensor = floatTensor(new Float32Array(dims.reduce((product, extent) => product * extent, 1)).fill(0.01), dims);
    feeds[`past_${side}`] = tensor;
    fetches[`present_${side}`] = tensor;
  }
  return async (length) =>
    await session.runInPlace({ ...feeds, ids: int64Tensor(idsOf(B), [B, 1]), seqlens_k: int32Tensor(new Int32Array(B).fill(length), [B]), total_sequence_length: int32Tensor(Int32Array.of(length + 1), []) }, fetches);
}

try {
  const resident = provider === 'webgpu' ? ['hidden', ...sides.map((side) => `present_${side}`)] : [];
  const session = await GraphSession.open(`${folder}/decode-${form}.onnx`, { provider: provider as ExecutionProvider, threads: 8 }, resident);
  for (const B of batches.split(',').map(Number)) {
    const step = await prepare(session, B);
    const times: number[] = [];
    for (let i = 0; i < WARM_STEPS + Number(steps); i += 1) {
      const at = performance.now();
      await step(Number(entries) + (i % (shape.max_length - Number(entries) - 1)));
      if (i >= WARM_STEPS) times.push(performance.now() - at);
    }
    report({ ms: times.toSorted((a, b) => a - b)[times.length >> 1] ?? NaN });
  }
} catch (error) {
  report({ failure: (error as Error).message.trim().split('\n')[0] ?? '' });
}
process.disconnect?.();
setImmediate(() => process.exit(0));
