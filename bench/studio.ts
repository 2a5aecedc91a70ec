/**
 * `node bench/studio.ts [assets]`: how soon the Studio can be typed into, and how smoothly a library of so many assets (10,000) scrolls.
 * Starts the program on an embedded Postgres of its own, and Debian's Chromium. Asserts nothing.
 */
import { chromium, type Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { startApp } from '../src/app.ts';
import { createCinegraphClient } from '../src/client/index.ts';
import { loadConfig } from '../src/config.ts';
import { EmbeddedPostgres } from '../src/db/embedded/embedded-postgres.ts';
import { copyAssets } from '../test/support/many-assets.ts';

const ASSETS = Number(process.argv[2] ?? 10_000);
const VISITS = 5;
const LONG_FRAME_MS = 50;

/** Runs in the page: when the prompt can be typed into. */
const NOTE_INTERACTIVE = `(function look() {
  if (document.querySelector('#prompt') !== null) window.interactiveAt = performance.now();
  else requestAnimationFrame(look);
})()`;
/** Runs in the page: scrolls to the end, a third of a screen in every frame, and notes how long each frame took. */
const SCROLL = `new Promise((resolve) => {
  const frames = [];
  let [last, still] = [performance.now(), 0];
  requestAnimationFrame(function step(now) {
    frames.push(now - last);
    last = now;
    const before = scrollY;
    scrollBy(0, innerHeight / 3);
    still = scrollY === before ? still + 1 : 0;
    if (still < 120) requestAnimationFrame(step);
    else resolve({ frames, tiles: document.querySelectorAll('.tile').length });
  });
})`;

const folder = await mkdtemp(path.join(tmpdir(), 'cinegraph-bench-'));
const log = pino({ level: 'silent' });
const postgres = await EmbeddedPostgres.start({ dataDir: folder, log });
await postgres.ensureDatabase('cinegraph');
const databaseUrl = postgres.url('cinegraph');
const app = await startApp({ config: loadConfig({ ...process.env, DATABASE_URL: databaseUrl, PORT: '0' }), log, onStep: () => undefined });
const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  await app.ready;
  await makeAssets();
  console.log(`${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}; Chromium ${browser.version()}; ${ASSETS} assets`);
  const interactive = [];
  for (let visit = 0; visit < VISITS; visit += 1) interactive.push(await timeToInteractive());
  console.log(`prompt can be typed into after ${interactive.map((ms) => ms.toFixed(0)).join(', ')} ms (first visit first)`);
  await scrollLibrary();
} finally {
  await browser.close();
  await app.close();
  await postgres.close();
  await rm(folder, { recursive: true, force: true });
}

async function makeAssets(): Promise<void> {
  const client = createCinegraphClient({ url: app.url });
  const job = await client.textToVideo({ prompt: 'a fox bounces on a red background', seed: 7 });
  await job.result();
  client.close();
  await copyAssets(databaseUrl, ASSETS - 1);
}

async function timeToInteractive(): Promise<number> {
  const page = await browser.newPage();
  await page.addInitScript(NOTE_INTERACTIVE);
  await page.goto(app.url);
  await page.locator('#prompt').waitFor();
  const ms: number = await page.evaluate('interactiveAt');
  await page.close();
  return ms;
}

async function scrollLibrary(): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${app.url}/library`);
  await page.locator('.tile-link').first().waitFor();
  const before = await heapMegabytes(page);
  await browser.startTracing(page, { categories: ['toplevel'] });
  const { frames, tiles }: { readonly frames: readonly number[]; readonly tiles: number } = await page.evaluate(SCROLL);
  const tasks = tasksOf(await browser.stopTracing());
  const after = await heapMegabytes(page);
  const sorted = frames.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  console.log(`scrolled to the end in ${frames.length} frames: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms, ${frames.filter((ms) => ms > LONG_FRAME_MS).length} over ${LONG_FRAME_MS} ms`);
  const cpu = tasks.map(({ cpuMs }) => cpuMs);
  console.log(`main thread of the page: ${(cpu.reduce((sum, ms) => sum + ms, 0) / frames.length).toFixed(1)} ms of processor time a frame; longest task ${Math.max(0, ...cpu).toFixed(1)} ms of it, ${cpu.filter((ms) => ms > LONG_FRAME_MS).length} over ${LONG_FRAME_MS} ms`);
  console.log(`heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB at the end; ${tiles} tiles in the page`);
  await page.close();
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of processor time. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** The tasks of the pages' main threads. Processor time, not time on the clock: it is the same on a machine that has other things to do. */
function tasksOf(trace: Buffer): { readonly cpuMs: number }[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { readonly traceEvents: readonly TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const main = new Set(traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(threadOf));
  return traceEvents.filter((event) => event.ph === 'X' && event.name === 'ThreadControllerImpl::RunTask' && main.has(threadOf(event))).map(({ tdur = 0 }) => ({ cpuMs: tdur / 1000 }));
}

/** After a garbage collection. */
async function heapMegabytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize / 1e6;
}
