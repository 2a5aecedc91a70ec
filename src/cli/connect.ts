import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { z } from 'zod';
import { startApp } from '../app.ts';
import { UnreachableError } from '../client/index.ts';
import type { Config } from '../config.ts';

/** A server to send the job to. */
export interface Connection {
  readonly url: string;
  /** Stops the server if it was started here. */
  close(): Promise<void>;
}

const PROBE_MS = 2000;
/** For a server that was asked for: nothing is to be done without it. */
const PATIENT_PROBE_MS = 15_000;
const START_MS = 180_000;
const POLL_MS = 250;

const health = z.object({ status: z.string(), reasons: z.array(z.string()) });
type Health = z.infer<typeof health>;

/** The server at `url`, else the one on this machine's PORT, else one that is started here on a free port. */
export async function connect(config: Config, url: string | undefined, say: (line: string) => void): Promise<Connection> {
  const candidate = (url ?? `http://127.0.0.1:${config.port}`).replace(/\/+$/, '');
  const found = config.port === 0 && url === undefined ? null : await probe(candidate, url === undefined ? PROBE_MS : PATIENT_PROBE_MS);
  if (found !== null) {
    await untilReady(candidate, found, say);
    return { url: candidate, close: () => Promise.resolve() };
  }
  if (url !== undefined) throw new UnreachableError(url);
  return startHere(config, say);
}

/** What /health/ready says; null when nothing, or something else, is there. */
async function probe(url: string, withinMs: number): Promise<Health | null> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(withinMs) });
    return health.parse(await response.json());
  } catch {
    return null;
  }
}

async function untilReady(url: string, first: Health, say: (line: string) => void): Promise<void> {
  const end = Date.now() + START_MS;
  let state: Health | null = first;
  let said = '';
  while (state?.status !== 'ready') {
    const reason = state?.reasons.join(' ') ?? 'The server does not answer.';
    if (Date.now() > end) throw new UnreachableError(url, new Error(reason));
    if (reason !== said) say(reason);
    said = reason;
    await sleep(POLL_MS);
    state = await probe(url, PROBE_MS);
  }
}

async function startHere(config: Config, say: (line: string) => void): Promise<Connection> {
  say(`No server answers on port ${config.port}: starting one for the time. (npm start keeps one running.)`);
  // Progress belongs on the screen, not between log lines.
  const level = config.logLevel === 'info' ? 'error' : config.logLevel;
  const app = await startApp({ config: { ...config, port: 0 }, log: pino({ level }, pino.destination(2)), onStep: () => undefined });
  try {
    await app.ready;
  } catch (error) {
    await app.close();
    throw error;
  }
  return { url: app.url, close: () => app.close() };
}
