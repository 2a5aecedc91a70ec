/**
 * Decode steps on every provider of this machine, their share of the memory roofline, and a clip from request to last frame. Prints markdown for
 * bench/RESULTS.md. Needs no network: scripts/gpu-kit.sh makes the folder that a machine without anything needs.
 *
 *     node bench/gpu.ts [--shapes 8M,25M,110M] [--batches 1,2,8,16] [--forms fp32,int8] [--providers webgpu,cuda,cpu] [--bundle models/cinegraph-small]
 *                       [--python python3] [--bandwidth 3350] [--minutes 9] [--out FILE]
 *
 * Each provider and form of a shape runs in a process of its own, so that a driver that aborts takes its own cells only; what is not done by `--minutes` is left out and said.
 * `--bandwidth`, GB/s: left out, it is measured with PyTorch on CUDA where that is there. The processor's share needs none of it: bench/engine-table.ts has that.
 */
import { execFileSync, fork } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createInferenceClient, type GenerationRequest } from '../src/inference/index.ts';
import type { ExecutionProvider } from '../src/inference/runtime/graph-session.ts';
import type { StepReport } from './engines/gpu.ts';
import type { Shape } from './engine-table.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const ENGINE = path.join(import.meta.dirname, 'engines/gpu.ts');
const PYTORCH = path.join(import.meta.dirname, 'engines/pytorch_cuda.py');
/** What stands beside our rows where PyTorch has a CUDA device. */
const PEERS = [['fp32', 'plain'], ['fp32', 'recorded'], ['fp16', 'recorded']] as const;
/** Bytes per weight of a form. */
const WEIGHT_BYTES: Readonly<Record<string, number>> = { fp32: 4, fp16: 2, int8: 1, int4: 0.5 };
/** Bytes per number of the cache. */
const CACHE_BYTES: Readonly<Record<string, number>> = { fp16: 2 };
const ENTRIES = 512;
const COPY_TEST = `
import torch
x = torch.empty(1 << 29, dtype=torch.float32, device="cuda"); y = torch.empty_like(x)
for _ in range(3): y.copy_(x)
a, b = torch.cuda.Event(True), torch.cuda.Event(True)
a.record()
for _ in range(10): y.copy_(x)
b.record(); torch.cuda.synchronize()
print(10 * 2 * x.numel() * 4 / a.elapsed_time(b) / 1e6)`;

const { values: options } = parseArgs({
  options: {
    shapes: { type: 'string', default: '8M,25M,110M' },
    batches: { type: 'string', default: '1,2,8,16' },
    forms: { type: 'string', default: 'fp32,int8' },
    providers: { type: 'string', default: 'webgpu,cuda,cpu' },
    bundle: { type: 'string', default: path.join(ROOT, 'models/cinegraph-small') },
    models: { type: 'string', default: path.join(tmpdir(), 'cinegraph-gpu-bench') },
    python: { type: 'string', default: 'python3' },
    steps: { type: 'string', default: '50' },
    bandwidth: { type: 'string' },
    minutes: { type: 'string', default: '9' },
    out: { type: 'string' },
  },
});

const endsAt = performance.now() + Number(options.minutes) * 60_000;
const batches = options.batches.split(',').map(Number);
const providers = options.providers.split(',') as ExecutionProvider[];

function say(...lines: readonly string[]): void {
  console.log(lines.join('\n'));
  if (options.out !== undefined) appendFileSync(options.out, `${lines.join('\n')}\n`);
}

function output(command: string, args: readonly string[], cwd = ROOT, timeout = 120_000): string | undefined {
  try {
    return execFileSync(command, args, { cwd, timeout, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** ms per step by batch, or why there are none. */
async function measure(provider: ExecutionProvider, folder: string, form: string): Promise<{ readonly ms: readonly number[]; readonly failure?: string }> {
  const left = endsAt - performance.now();
  if (left <= 0) return { ms: [], failure: 'no time was left' };
  const child = fork(ENGINE, [folder, form, provider, String(ENTRIES), options.steps, options.batches], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const ms: number[] = [];
  let failure: string | undefined;
  child.on('message', (report: StepReport) => {
    if ('ms' in report) ms.push(report.ms);
    else failure = report.failure;
  });
  const deadline = setTimeout(() => child.kill('SIGKILL'), left);
  const how = await new Promise<string>((resolve) => child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`)));
  clearTimeout(deadline);
  if (ms.length < batches.length) failure ??= `ended by ${how}`;
  return { ms, ...(failure !== undefined && { failure }) };
}

/** Weights, and keys and values of the valid entries: what a step must read. */
function bytesOf(shape: Shape, form: string, B: number): number {
  return shape.matrices * (WEIGHT_BYTES[form] ?? 4) + 2 * (CACHE_BYTES[form] ?? 4) * B * ENTRIES * shape.layers * shape.kv_heads * shape.head_dim;
}

async function table(name: string, bandwidth: number | undefined): Promise<void> {
  const folder = path.join(options.models, name);
  const shape = JSON.parse(readFileSync(path.join(folder, 'shape.json'), 'utf8')) as Shape;
  say(`### ${name}: ${(shape.matrices / 1e6).toFixed(1)} M weights, ${ENTRIES} entries in the cache`, '', `| ms per step (tokens/s; share of the roofline) | ${batches.map((B) => `batch ${B}`).join(' | ')} |`, `|${' --- |'.repeat(batches.length + 1)}`);
  const row = (title: string, form: string, ms: readonly number[], onDevice: boolean): void => {
    const cells = batches.map((B, i) => {
      const time = ms[i];
      if (time === undefined) return 'none';
      const share = !onDevice || bandwidth === undefined ? '' : `; ${((100 * bytesOf(shape, form, B)) / (bandwidth * 1e6) / time).toFixed(1)} %`;
      return `${time.toFixed(2)} (${((1000 * B) / time).toFixed(0)}${share})`;
    });
    say(`| ${title} | ${cells.join(' | ')} |`);
  };
  for (const provider of providers) {
    for (const form of options.forms.split(',')) {
      const { ms, failure } = await measure(provider, folder, form);
      row(`${provider} ${form}${failure === undefined ? '' : `: ${failure.replaceAll('|', '/').slice(0, 200)}`}`, form, ms, provider !== 'cpu');
    }
  }
  for (const [form, way] of onCuda ? PEERS : []) {
    const left = Math.floor(endsAt - performance.now());
    const found = left <= 0 ? undefined : output(options.python, [PYTORCH, folder, form, way, String(ENTRIES), options.steps, options.batches], ROOT, left);
    row(`PyTorch on CUDA, ${form}${way === 'recorded' ? ', recorded as a graph' : ''}`, form, found === undefined ? [] : (JSON.parse(found) as { ms: number[] }).ms, true);
  }
  say('');
}

/** A clip from request to last frame; twice, since the first compiles shaders. */
async function clip(provider: ExecutionProvider): Promise<void> {
  const client = createInferenceClient({ bundleDir: options.bundle, provider, maxRows: 8, startTimeoutMs: 300_000, silenceTimeoutMs: 300_000 });
  const deadline = setTimeout(() => void client.close(), Math.max(1, endsAt - performance.now()));
  try {
    const { bundle, device, providerNotes } = await client.ready();
    for (const round of ['first', 'second']) {
      const request: GenerationRequest = { id: round, task: 'TEXT_TO_VIDEO', prompt: 'a red ball bounces', seed: 1, candidates: 1, sampling: { ...bundle.sampling, deterministic: false } };
      const startedAt = performance.now();
      let firstFrame: number | undefined;
      for await (const event of client.generate(request, new AbortController().signal)) if (event.type === 'frames') firstFrame ??= performance.now() - startedAt;
      const total = performance.now() - startedAt;
      say(`| ${provider}, ${round} clip | ${bundle.name}, ${device} | ${firstFrame?.toFixed(0)} | ${(total / (bundle.frameCount / bundle.fps) / 1000).toFixed(2)} |`);
    }
    for (const note of providerNotes) say(`| | ${note.replaceAll('|', '/')} | | |`);
  } catch (error) {
    say(`| ${provider} | ${(error as Error).message.replaceAll('|', '/').slice(0, 300)} | none | none |`);
  } finally {
    clearTimeout(deadline);
    await client.close();
  }
}

const missing = options.shapes.split(',').filter((name) => !existsSync(path.join(options.models, name, 'shape.json')));
if (missing.length > 0) execFileSync(options.python, ['-m', 'cinegraph_training.export_gpu_bench', '--shapes', missing.join(','), '--out', options.models], { cwd: path.join(ROOT, 'training'), stdio: ['ignore', 'ignore', 'inherit'] });
const card = output('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader']) ?? `Vulkan by ${process.env['VK_ICD_FILENAMES'] ?? 'the default driver'}`;
const copied = output(options.python, ['-c', COPY_TEST]);
const onCuda = copied !== undefined;
const measured = options.bandwidth ?? copied;
const bandwidth = measured === undefined ? undefined : Number(measured);
say(`## ${new Date().toISOString().slice(0, 10)}, ${card}; ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`, '', bandwidth === undefined ? 'No bandwidth known: no share of the roofline.' : `Bandwidth of the device's memory: ${bandwidth.toFixed(0)} GB/s, ${options.bandwidth === undefined ? 'measured by a copy' : 'as given'}.`, '');
say('| clip | bundle, device | first frame, ms | s per s of video |', '| --- | --- | --- | --- |');
for (const provider of providers) await clip(provider);
say('');
for (const name of options.shapes.split(',')) await table(name, bandwidth);
