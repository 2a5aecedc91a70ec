/**
 * llama.cpp for bench/engine-table.ts, through the batch calls of node-llama-cpp's addon: no text, no sampling, no queue of its own.
 * Flash attention is on. `form` is the type of the matrices, `+` and the type of the cache where that is not float16.
 *
 *     node bench/engines/llama.mjs <folder> <form> <threads> <cache entries> <clock>
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { serve } from './worker.mjs';

const MAX_ROWS = 16;
const [folder, forms, threadsText, entriesText, clock] = process.argv.slice(2);
const [form, cacheType = 'F16'] = forms.split('+');
const [threads, entries] = [Number(threadsText), Number(entriesText)];
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: LlamaLogLevel.error, maxThreads: threads });
const model = await llama.loadModel({ modelPath: `${folder}/llama-${form}.gguf`, gpuLayers: 0 });
// Room for what is in the cache and for the steps of one request, after which they are taken back.
const context = await model.createContext({
  contextSize: entries + 128,
  sequences: MAX_ROWS,
  batchSize: 512,
  flashAttention: true,
  experimentalKvCacheKeyType: cacheType,
  experimentalKvCacheValueType: cacheType,
  threads,
});
const addon = context._ctx;

// One sequence is filled, the others take its state.
for (let at = 0; at < entries; at += 256) {
  const tokens = Uint32Array.from({ length: Math.min(256, entries - at) }, (_, i) => (at + i) % 1000);
  addon.initBatch(tokens.length);
  addon.addToBatch(0, at, tokens, new Uint32Array(0));
  await addon.decodeBatch();
}
const scratch = mkdtempSync(path.join(tmpdir(), 'cinegraph-llama-'));
const state = path.join(scratch, 'state');
await addon.saveSequenceStateToFile(state, 0, new Uint32Array(0));
for (let sequence = 1; sequence < MAX_ROWS; sequence += 1) await addon.loadSequenceStateFromFile(state, sequence, entries);
rmSync(scratch, { recursive: true });

serve(clock, (B) => ({
  async step(i) {
    addon.initBatch(B);
    for (let row = 0; row < B; row += 1) addon.addToBatch(row, entries + i, Uint32Array.of(7 + row), Uint32Array.of(0));
    await addon.decodeBatch();
  },
  after(steps) {
    for (let row = 0; row < B; row += 1) addon.removeTokenCellsFromSequence(row, entries, entries + steps);
  },
}));
