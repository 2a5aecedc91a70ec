import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createInferenceClient, type ForkedInferenceClient, type InferenceClientOptions, type InferenceInfo, type LogSink } from '../../../src/inference/index.ts';
import { clipBytes, collect, makeRequest, TINY_BUNDLE } from '../../support/inference.ts';

const never = new AbortController().signal;
const clients: ForkedInferenceClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => await client.close()));
});

function open(options: Partial<InferenceClientOptions> = {}): ForkedInferenceClient {
  const client = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1, restart: { backoffMs: 1 }, ...options });
  clients.push(client);
  return client;
}

/** Resolves when no process has this id any more. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the inference client', () => {
  const shared = createInferenceClient({ bundleDir: TINY_BUNDLE, provider: 'cpu', threads: 1, maxRows: 4, maxWaiting: 3 });
  beforeAll(async () => {
    await shared.ready();
  });
  afterAll(async () => await shared.close());

  it('reports the bundle and the device, then streams a clip that is the same each time', async () => {
    const info = await shared.ready();
    expect(info).toMatchObject({ executionProvider: 'cpu', threads: 1, bundle: { name: 'tiny-random', width: 32, height: 32, fps: 8, frameCount: 17 } });
    expect(info.device).toMatch(/^cpu: .+, 1 thread$/);
    expect(shared.info).toEqual(info);
    const [first, second, other] = await Promise.all([
      collect(shared.generate(makeRequest({ id: 'a' }), never)),
      collect(shared.generate(makeRequest({ id: 'b' }), never)),
      collect(shared.generate(makeRequest({ id: 'c', seed: 2 }), never)),
    ]);
    expect(clipBytes(first)).toHaveLength(17 * 3072);
    expect(clipBytes(second).equals(clipBytes(first))).toBe(true);
    expect(clipBytes(other).equals(clipBytes(first))).toBe(false);
  });

  it('cancels by abort and by leaving the loop, and serves on', async () => {
    const controller = new AbortController();
    const aborted = (async () => {
      for await (const event of shared.generate(makeRequest({ id: 'a' }), controller.signal)) if (event.type === 'frames') controller.abort();
    })();
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELED' });
    for await (const event of shared.generate(makeRequest({ id: 'b' }), never)) if (event.type === 'frames') break;
    // With four slots in all, these finish only when both were freed. The same ids again: late words about the old ones must not reach them.
    const [, events] = await Promise.all([
      collect(shared.generate(makeRequest({ id: 'a', task: 'TEXT_TO_IMAGE' }), never)),
      collect(shared.generate(makeRequest({ id: 'b', task: 'TEXT_TO_IMAGE' }), never)),
    ]);
    expect(events.at(-1)).toEqual({ type: 'finished' });
  });

  it('an abort before the start throws CANCELED', async () => {
    await expect(collect(shared.generate(makeRequest(), AbortSignal.abort()))).rejects.toMatchObject({ code: 'CANCELED' });
  });

  it.each([
    [{ prompt: ' ' }, 'PROMPT_EMPTY', ['prompt']],
    [{ candidates: 4 }, 'QUEUE_FULL', undefined],
    [{ seed: 2 ** 31 }, 'SEED_OUT_OF_RANGE', ['seed']],
    [{ candidates: 5 }, 'CANDIDATES_OUT_OF_RANGE', ['candidates']],
    [{ sampling: { temperature: 3 } }, 'SAMPLING_OUT_OF_RANGE', ['sampling', 'temperature']],
  ])('%j is refused with %s and the field', async (changes, code, field) => {
    await expect(collect(shared.generate(makeRequest(changes), never))).rejects.toMatchObject({ code, field });
  });

  it('does not take an id twice at a time', async () => {
    for await (const _ of shared.generate(makeRequest(), never)) {
      await expect(collect(shared.generate(makeRequest(), never))).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['id'] });
      break;
    }
  });

  it('is unavailable before it is ready', async () => {
    const client = open();
    expect(client.info).toBeUndefined();
    await expect(collect(client.generate(makeRequest(), never))).rejects.toMatchObject({ code: 'INFERENCE_UNAVAILABLE' });
  });
});

describe('the process', () => {
  it.runIf(process.platform === 'linux')('is Node itself, and keeps V8 and the allocator from taking memory for nothing', async () => {
    const client = open();
    await client.ready();
    const of = async (file: string): Promise<string[]> => (await readFile(`/proc/${client.pid}/${file}`, 'utf8')).split('\0');
    expect((await of('cmdline')).slice(0, 2)).toEqual([process.execPath, '--max-semi-space-size=4']);
    expect(await of('environ')).toContain('MALLOC_ARENA_MAX=2');
  });

  it.runIf(process.platform === 'linux')('runs behind what serves requests, with the threads that decode', async () => {
    const client = open();
    await client.ready();
    const pid = client.pid as number;
    expect(getPriority(pid)).toBe(Math.max(getPriority(), 5));
    const threads = await Promise.all((await readdir(`/proc/${pid}/task`)).map(async (thread) => [(await readFile(`/proc/${pid}/task/${thread}/comm`, 'utf8')).trim(), getPriority(Number(thread))] as const));
    const decoding = threads.filter(([name]) => name === 'WorkerThread');
    expect(decoding.length).toBeGreaterThan(0);
    for (const [, nice] of decoding) expect(nice).toBe(getPriority(pid));
  });
});

describe('what a start has found out', () => {
  const start = async (options: Partial<InferenceClientOptions>): Promise<{ readonly provenBefore: unknown; readonly info: InferenceInfo }> => {
    const lines: Parameters<LogSink>[0][] = [];
    const client = open({ ...options, log: (line) => void lines.push(line) });
    const info = await client.ready();
    await client.close();
    return { provenBefore: lines.find(({ message }) => message === 'precision and batch invariance')?.details?.['provenBefore'], info };
  };

  /** The same graphs under another name: another digest. */
  const renamedBundle = (folder: string): string => {
    const copy = join(folder, 'bundle');
    cpSync(TINY_BUNDLE, copy, { recursive: true });
    const manifest = join(copy, 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"tiny-random"', '"tiny-other"'));
    return copy;
  };

  it('is taken by the next one, unless the file is damaged or the bundle is another', async () => {
    const findingsDir = mkdtempSync(join(tmpdir(), 'cinegraph-findings-'));
    try {
      const first = await start({ findingsDir, precision: 'fp32' });
      expect(first.provenBefore).toBe(false);
      const second = await start({ findingsDir, precision: 'fp32' });
      expect(second).toEqual({ provenBefore: true, info: { ...first.info, selfCheckMs: expect.any(Number) as number } });
      writeFileSync(join(findingsDir, 'invariance.json'), 'damaged');
      expect((await start({ findingsDir, precision: 'fp32' })).provenBefore).toBe(false);
      expect((await start({ findingsDir, precision: 'fp32', bundleDir: renamedBundle(findingsDir) })).provenBefore).toBe(false);
    } finally {
      rmSync(findingsDir, { recursive: true });
    }
  });
});

describe('when the process is killed', () => {
  it('running requests fail with INFERENCE_CRASHED, and the next one is served by a new process', async () => {
    const client = open();
    await client.ready();
    const before = client.pid as number;
    const running = (async () => {
      for await (const event of client.generate(makeRequest({ candidates: 4 }), never)) if (event.type === 'frames') process.kill(before, 'SIGKILL');
    })();
    await expect(running).rejects.toMatchObject({ code: 'INFERENCE_CRASHED', message: expect.stringContaining('SIGKILL') as string });
    expect(client.info).toBeUndefined();
    await client.ready();
    expect(client.pid).not.toBe(before);
    expect((await collect(client.generate(makeRequest(), never))).at(-1)).toEqual({ type: 'finished' });
  });

  it('gives up after too many crashes in a row', async () => {
    const client = open({ restart: { backoffMs: 1, maxCrashes: 1 } });
    await client.ready();
    for (let crash = 0; crash < 2; crash += 1) {
      await client.ready();
      const pid = client.pid as number;
      process.kill(pid, 'SIGKILL');
      const ended = collect(client.generate(makeRequest(), never));
      await expect(ended).rejects.toMatchObject({ code: 'INFERENCE_CRASHED' });
    }
    await expect(client.ready()).rejects.toMatchObject({ code: 'INFERENCE_CRASHED', message: expect.stringContaining('2 times in a row') as string });
    await expect(collect(client.generate(makeRequest(), never))).rejects.toMatchObject({ code: 'INFERENCE_UNAVAILABLE' });
    expect(client.pid).toBeUndefined();
  });

  it('a process that stops answering is killed and counts as crashed', async () => {
    const client = open({ silenceTimeoutMs: 2_000 });
    await client.ready();
    process.kill(client.pid as number, 'SIGSTOP');
    const hung = collect(client.generate(makeRequest(), never));
    await expect(hung).rejects.toMatchObject({ code: 'INFERENCE_CRASHED', message: expect.stringContaining('no sign of life') as string });
  });
});

describe('close', () => {
  it('ends the process and fails what runs', async () => {
    const client = open();
    await client.ready();
    const pid = client.pid as number;
    const running = collect(client.generate(makeRequest({ candidates: 4 }), never));
    const [outcome] = await Promise.allSettled([running, client.close()]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'INFERENCE_CRASHED' } });
    await gone(pid);
    await expect(collect(client.generate(makeRequest(), never))).rejects.toMatchObject({ code: 'INFERENCE_UNAVAILABLE' });
    await client.close();
  });

  it('while starting rejects ready()', async () => {
    const client = open();
    const [outcome] = await Promise.allSettled([client.ready(), client.close()]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'INFERENCE_CRASHED' } });
  });

  it('the process ends by itself when its parent dies', async () => {
    const parent = fork(new URL('../../support/inference-parent.ts', import.meta.url), [TINY_BUNDLE], { execArgv: [] });
    const [pid] = (await once(parent, 'message')) as [number];
    parent.kill('SIGKILL');
    await gone(pid);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });
});

describe('what cannot be served', () => {
  it('a damaged bundle is final: BUNDLE_CORRUPT, no restart', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cinegraph-bundle-'));
    cpSync(TINY_BUNDLE, dir, { recursive: true });
    writeFileSync(join(dir, 'lm-head.onnx'), 'no graph');
    const client = open({ bundleDir: dir });
    await expect(client.ready()).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT', message: expect.stringContaining('lm-head.onnx') as string });
    expect(client.pid).toBeUndefined();
    await expect(collect(client.generate(makeRequest(), never))).rejects.toMatchObject({ code: 'INFERENCE_UNAVAILABLE' });
    rmSync(dir, { recursive: true });
  });

  it.each(['cuda', 'webgpu'] as const)('%s is used or refused with a reason, never replaced', async (provider) => {
    const outcome = await open({ provider }).ready().catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', message: expect.stringMatching(new RegExp(`${provider}.*: .+`)) as string });
    else expect(outcome).toMatchObject({ executionProvider: provider });
  });

  it('auto takes what passes and says why not the others', async () => {
    const info = await open({ provider: 'auto' }).ready();
    const noted = info.providerNotes.map((note) => note.split(':')[0]);
    expect([...noted, info.executionProvider].sort()).toEqual(info.executionProvider === 'cpu' ? ['cpu', 'cuda', 'webgpu'] : ['cuda', 'webgpu']);
  });
});
