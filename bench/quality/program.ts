/** The whole program in a process of its own, with a database of its own that is gone afterwards. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const START_MS = 180_000;
const STOP_MS = 30_000;

export interface Program {
  readonly url: string;
  close(): Promise<void>;
}

/** One thread for the model, so that the figures are those of one core. */
export async function startProgram(): Promise<Program> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'cinegraph-quality-'));
  const entry = path.join(import.meta.dirname, '../served-app.ts');
  const child = fork(entry, { env: { ...process.env, DATA_DIR: dataDir, PORT: '0', INFERENCE_THREADS: '1' } });
  const close = async (): Promise<void> => {
    if (child.connected) child.send('close');
    if (child.exitCode === null) await once(child, 'exit', { signal: AbortSignal.timeout(STOP_MS) }).catch(() => child.kill('SIGKILL'));
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    return { url: await urlOf(child), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function urlOf(child: ChildProcess): Promise<string> {
  const signal = AbortSignal.timeout(START_MS);
  const ended = once(child, 'exit', { signal }).then(([code]) => Promise.reject(new Error(`the program ended with ${String(code)} before it was ready`)));
  const ready = once(child, 'message', { signal }).then(([message]) => (message as { readonly url: string }).url);
  return Promise.race([ready, ended]);
}
