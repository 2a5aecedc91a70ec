/**
 * Decode steps beside other engines and beside what the machine allows: models of the same shape with random weights, 512 entries in
 * the cache, every engine in a process of its own, taking turns in one run. Prints tables for bench/RESULTS.md. A measurement, never a test.
 *
 *     npm install --prefix bench                        # the other engines; PyTorch comes with training/requirements.txt
 *     node bench/engine-table.ts [--shapes 8M,25M,110M] [--batches 1,2,8,16] [--threads 1] [--rounds 5] [--clock cpu] [--out FILE]
 *                                [--engines ours,llama.cpp,PyTorch,transformers.js] [--only 'ours int8;llama.cpp q4_0, cache q8_0']
 *
 * The floor of a step depends on what its cache holds: our best is held against that of its own kind of cache, with 8-bit matrices whatever its own have.
 * `--clock cpu` counts processor time, which a busy machine disturbs less; it is the wall clock's equal for one thread only.
 */
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

/** shape.json of training/cinegraph_training/export_bench.py. */
export interface Shape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kv_heads: number;
  readonly head_dim: number;
  readonly max_length: number;
  readonly output_size: number;
  /** Weights of all matrices. */
  readonly matrices: number;
}

interface Contender {
  readonly name: string;
  readonly script: string;
  readonly form: string;
}

const ENTRIES = 512;
const NARROW = 'cache int8';
const WARM_STEPS = 2;
const ROOT = path.resolve(import.meta.dirname, '..');
const CONTENDERS: readonly Contender[] = [
  ...['fp32', 'int8', 'dynamic', 'int4', 'int8-q8', 'dynamic-q8', 'int4-q8'].map((form) => ({ name: `ours ${form.replace('-q8', `, ${NARROW}`)}`, script: 'ours.ts', form })),
  ...['q8_0', 'q8_0+Q8_0', 'q4_0', 'q4_0+Q8_0'].map((form) => ({ name: `llama.cpp ${form.replace('+', ', cache ').toLowerCase()}`, script: 'llama.mjs', form })),
  ...['fp32', 'int8'].map((form) => ({ name: `PyTorch ${form}`, script: 'pytorch.py', form })),
  ...['fp32', 'q8'].map((form) => ({ name: `transformers.js ${form}`, script: 'transformers.mjs', form })),
];

const { values: options } = parseArgs({
  options: {
    shapes: { type: 'string', default: '8M,25M,110M' },
    batches: { type: 'string', default: '1,2,8,16' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '6' },
    clock: { type: 'string', default: 'cpu' },
    /** Names of rows, all of the engines' without it. */
    only: { type: 'string', default: '' },
    /** The markdown also goes here. */
    out: { type: 'string' },
    engines: { type: 'string', default: 'ours,llama.cpp' },
    models: { type: 'string', default: path.join(tmpdir(), 'cinegraph-bench') },
    python: { type: 'string', default: path.join(ROOT, 'training/.venv/bin/python') },
  },
});

/** One engine with one model, in a process of its own. Owner of the process until `close`. */
class Engine {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string> | undefined;
  readonly #ended: Promise<never>;

  constructor(script: string, args: readonly string[]) {
    const file = path.join(import.meta.dirname, 'engines', script);
    if (script.endsWith('.py')) {
      this.#child = spawn(options.python, [file, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
      this.#lines = createInterface({ input: this.#child.stdout as NonNullable<ChildProcess['stdout']> })[Symbol.asyncIterator]();
    } else {
      this.#child = fork(file, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    }
    this.#ended = new Promise((_, reject) => this.#child.once('exit', () => reject(new Error(`${script} ended`))));
    this.#ended.catch(() => undefined);
  }

  async ready(): Promise<void> {
    await this.#receive();
  }

  /** ms of each step after the warm ones. */
  async steps(B: number, count: number): Promise<number[]> {
    const request = { B, steps: WARM_STEPS + count };
    if (this.#lines === undefined) this.#child.send(request);
    else this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { ms = [] } = await this.#receive();
    return ms.slice(WARM_STEPS);
  }

  close(): void {
    this.#child.kill();
  }

  async #receive(): Promise<{ ms?: number[] }> {
    const answer = this.#lines === undefined ? this.#message() : this.#lines.next().then((line) => JSON.parse(line.value ?? '{}') as { ms?: number[] });
    return await Promise.race([answer, this.#ended]);
  }

  async #message(): Promise<{ ms?: number[] }> {
    return await new Promise((resolve) => this.#child.once('message', (message) => resolve(message as { ms?: number[] })));
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function measure(folder: string, contenders: readonly Contender[], batches: readonly number[]): Promise<Map<string, number[]>> {
  const args = (form: string) => [folder, form, options.threads, String(ENTRIES), options.clock];
  const engines: { readonly name: string; readonly engine: Engine }[] = [];
  try {
    for (const { name, script, form } of contenders) {
      const engine = new Engine(script, args(form));
      engines.push({ name, engine });
      await engine.ready();
    }
    const results = new Map(engines.map(({ name }) => [name, [] as number[]]));
    for (const B of batches) {
      const times = new Map(engines.map(({ name }) => [name, [] as number[]]));
      for (let round = 0; round < Number(options.rounds); round += 1) {
        for (const { name, engine } of engines) times.get(name)?.push(...(await engine.steps(B, Number(options.steps))));
      }
      for (const [name, all] of times) results.get(name)?.push(median(all));
    }
    return results;
  } finally {
    for (const { engine } of engines) engine.close();
  }
}

async function medianOf(folder: string, script: string, form: string, B: number): Promise<number> {
  const engine = new Engine(script, [folder, form, options.threads, String(ENTRIES), options.clock]);
  try {
    await engine.ready();
    return median(await engine.steps(B, 20));
  } finally {
    engine.close();
  }
}

/**
 * The least time of a step with 8-bit matrices and a cache of `entryBytes` a number, ms per batch size: the bytes it must read over the bandwidth that the machine has for that many, or its
 * multiply-adds over the rate of a large product, whichever is longer.
 */
async function floor(folder: string, shape: Shape, batches: readonly number[], entryBytes: number): Promise<{ readonly ms: number[]; readonly note: string }> {
  const square = 2 * 1024 ** 3;
  const [fp32, int8] = [square / (await medianOf(folder, 'ours.ts', 'floor-fp32', 1)), square / (await medianOf(folder, 'ours.ts', 'floor-dynamic', 1))];
  const notes: string[] = [];
  const ms: number[] = [];
  for (const B of batches) {
    const bytes = shape.matrices + 2 * entryBytes * B * ENTRIES * shape.layers * shape.kv_heads * shape.head_dim;
    const megabytes = Math.ceil(bytes / 1e6);
    const reading = await medianOf(folder, 'pytorch.py', 'bandwidth', megabytes);
    notes.push(`B ${B}: ${(bytes / 1e6).toFixed(1)} MB at ${(megabytes / reading).toFixed(1)} GB/s`);
    ms.push(Math.max((reading * bytes) / (megabytes * 1e6), (2 * shape.matrices * B) / int8));
  }
  return { ms, note: `${notes.join(', ')}; products ${(fp32 / 1e6).toFixed(0)} GFLOP/s in float32, ${(int8 / 1e6).toFixed(0)} GOP/s in int8` };
}

function best(results: ReadonlyMap<string, readonly number[]>, engine: string, column: number): { readonly name: string; readonly ms: number } {
  let found = { name: '', ms: Infinity };
  for (const [name, times] of results) {
    const ms = times[column] ?? NaN;
    if (name.startsWith(engine) && ms < found.ms) found = { name, ms };
  }
  return found;
}

function row(name: string, cells: readonly string[]): string {
  return `| ${name} | ${cells.join(' | ')} |`;
}

async function table(name: string, batches: readonly number[]): Promise<string[]> {
  const folder = path.join(options.models, name);
  if (!existsSync(path.join(folder, 'shape.json'))) {
    const training = path.join(ROOT, 'training');
    execFileSync(options.python, ['-m', 'cinegraph_training.export_bench', '--shape', name, '--out', options.models], { cwd: training, stdio: 'ignore' });
  }
  const shape = JSON.parse(readFileSync(path.join(folder, 'shape.json'), 'utf8')) as Shape;
  const wanted = options.engines.split(',');
  const only = options.only === '' ? undefined : options.only.split(';');
  const taken = CONTENDERS.filter(({ name: contender }) => wanted.some((engine) => contender.startsWith(engine)) && (only === undefined || only.includes(contender)));
  const results = await measure(folder, taken, batches);
  const [wide, narrow] = [await floor(folder, shape, batches, 4), await floor(folder, shape, batches, 1)];
  const columns = batches.map((_, column) => column);
  const ours = columns.map((column) => best(results, 'ours', column));
  const ratio = (label: string, other: (column: number) => { readonly name: string; readonly ms: number }): string =>
    row(label, columns.map((column) => `**${((ours[column] as { ms: number }).ms / other(column).ms).toFixed(2)}** (${other(column).name})`));
  return [
    `### ${name}: ${(shape.matrices / 1e6).toFixed(1)} M weights, ${shape.layers} layers of ${shape.width}, ${shape.heads} heads, ${shape.kv_heads} key-value heads`,
    '',
    row('ms per step, median', batches.map((B) => `batch ${B}`)),
    row('---', batches.map(() => '---')),
    ...[...results].map(([engine, times]) => row(engine, times.map((ms) => ms.toFixed(2)))),
    row('floor, 8 bit', wide.ms.map((ms) => ms.toFixed(2))),
    row('floor, 8 bit, cache int8', narrow.ms.map((ms) => ms.toFixed(2))),
    row('our best', ours.map((found) => found.name.replace('ours ', ''))),
    ...wanted.filter((engine) => engine !== 'ours').map((engine) => ratio(`our best / best of ${engine}`, (column) => best(results, engine, column))),
    ratio('our best / floor', (column) => {
      const isNarrow = (ours[column] as { name: string }).name.endsWith(NARROW);
      return { name: isNarrow ? NARROW : 'cache float32', ms: (isNarrow ? narrow : wide).ms[column] ?? NaN };
    }),
    '',
    `Floor: ${wide.note}. With int8 caches: ${narrow.note}.`,
    '',
  ];
}

const batches = options.batches.split(',').map(Number);
const write = (text: string): void => {
  console.log(text);
  if (options.out !== undefined) appendFileSync(options.out, `${text}\n`);
};
write(`## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${options.threads} thread(s), ${options.clock} time, load ${loadavg()[0]?.toFixed(1)} at the start, Node ${process.versions.node}\n`);
for (const name of options.shapes.split(',')) write((await table(name, batches)).join('\n'));
