/**
 * transformers.js for bench/engine-table.ts: its own forward step with its own growing cache, without sampling.
 *
 *     node bench/engines/transformers.mjs <folder> <fp32 | q8> <threads> <cache entries> <clock>
 */
import { readFileSync } from 'node:fs';
import { AutoModelForCausalLM, DynamicCache, env, Tensor } from '@huggingface/transformers';
import { serve } from './worker.mjs';

const [folder, form, threads, entriesText, clock] = process.argv.slice(2);
const entries = Number(entriesText);
const shape = JSON.parse(readFileSync(`${folder}/shape.json`, 'utf8'));
env.allowRemoteModels = false;
env.localModelPath = folder;
const model = await AutoModelForCausalLM.from_pretrained('transformers', { dtype: form, device: 'cpu', session_options: { intraOpNumThreads: Number(threads), interOpNumThreads: 1 } });

serve(clock, (B) => {
  const dims = [B, shape.kv_heads, entries, shape.head_dim];
  const size = dims.reduce((product, extent) => product * extent, 1);
  const names = Array.from({ length: shape.layers }, (_, layer) => [`past_key_values.${layer}.key`, `past_key_values.${layer}.value`]).flat();
  let past = new DynamicCache(Object.fromEntries(names.map((name) => [name, new Tensor('float32', new Float32Array(size).fill(0.01), dims)])));
  return {
    async step(i) {
      const total = entries + i + 1;
      const output = await model({
        input_ids: new Tensor('int64', new BigInt64Array(B).fill(7n), [B, 1]),
        attention_mask: new Tensor('int64', new BigInt64Array(B * total).fill(1n), [B, total]),
        past_key_values: past,
      });
      past = new DynamicCache(Object.fromEntries(names.map((name) => [name, output[name.replace('past_key_values', 'present')]])));
    },
  };
});
