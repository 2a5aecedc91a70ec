/**
 * `node bench/studio.ts [assets] [wheel,fling]`: how soon the Studio can be typed into, and how smoothly a library of so many assets (10,000)
 * scrolls: with a wheel at 2,500 px/s, three screens a second, and with a third of a screen in each frame of the page, 18,000 px/s at 60 Hz.
 * Each asset has a thumbnail of its own. Starts the program on an embedded Postgres of its own, and Debian's Chromium. Asserts nothing.
 */
import { chromium, type Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { startApp } from '../src/app.ts';
import { createCinegraphClient } from '../src/client/index.ts';
import { loadConfig } from '../src/config.ts';
import { EmbeddedPostgres } from '../src/db/embedded/embedded-postgres.ts';
import { copyAssets } from '../test/support/many-assets.ts';
import { CATEGORIES, readTrace } from './presented-frames.ts';
import { processorTime, residentBytes, used } from './processor-time.ts';

const ASSETS = Number(process.argv[2] ?? 10_000);
const VISITS = 5;
const LONG_FRAME_MS = 50;
const SCROLLS = (process.argv[3] ?? 'wheel,fling').split(',');
/** Pixels in a second: three screens. */
const WHEEL_SPEED = 2_500;
/** Threads that are told by name. */
const THREADS = 14;

/** Runs in the page: when the prompt can be typed into. */
const NOTE_INTERACTIVE = `(function look() {
  if (document.querySelector('#prompt') !== null) window.interactiveAt = performance.now();
  else requestAnimationFrame(look);
})()`;
/** Runs in the page: scrolls to the end, a third of a screen in every frame. */
const FLING = `new Promise((resolve) => {
  let still = 0;
  requestAnimationFrame(function step() {
    const before = scrollY;
    scrollBy(0, innerHeight / 3);
    still = scrollY === before ? still + 1 : 0;
    if (still < 120) requestAnimationFrame(step);
    else resolve();
  });
})`;
/** Runs in the page: how many pixels all the assets take. */
const heightOf = (assets: number) => `(() => {
  const tops = [...document.querySelectorAll('.tile')].map((tile) => tile.getBoundingClientRect().top);
  const columns = tops.filter((top) => top === tops[0]).length;
  return Math.ceil(${assets} / columns) * (tops[columns] - tops[0]);
})()`;
/** Runs in the page: from now on looks four times a second at how many of the tiles on screen show their picture. */
const WATCH_PICTURES = `(() => {
  window.pictures = { shown: 0, tiles: 0 };
  setInterval(() => {
    const tiles = [...document.querySelectorAll('.tile')].filter((tile) => tile.getBoundingClientRect().bottom > 0 && tile.getBoundingClientRect().top < innerHeight);
    window.pictures.tiles += tiles.length;
    window.pictures.shown += tiles.filter((tile) => tile.querySelector('img')?.naturalWidth > 0).length;
  }, 250);
})()`;

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
  for (const how of SCROLLS) await scrollLibrary(how);
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
  await giveThumbnails();
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

/** Copies of an asset share its thumbnail: each gets one with other bytes behind the end of the picture, as a library has them. */
async function giveThumbnails(): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      `WITH own AS (SELECT id, bytes, encode(sha256(bytes), 'hex') AS sha256 FROM
         (SELECT a.id, c.bytes || convert_to(a.id::text, 'UTF8') AS bytes FROM asset a JOIN blob_chunk c ON c.sha256 = a.thumbnail_sha256) copies),
       named AS (INSERT INTO blob (sha256, byte_size) SELECT sha256, length(bytes) FROM own),
       stored AS (INSERT INTO blob_chunk (sha256, index, bytes) SELECT sha256, 0, bytes FROM own)
       UPDATE asset SET thumbnail_sha256 = own.sha256 FROM own WHERE own.id = asset.id`,
    );
  } finally {
    await client.end();
  }
}

async function scrollLibrary(how: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${app.url}/library`);
  await page.locator('.tile-link').first().waitFor();
  const before = await heapMegabytes(page);
  await page.evaluate(WATCH_PICTURES);
  await browser.startTracing(page, { categories: CATEGORIES });
  const timeBefore = await processorTime(process.pid);
  if (how === 'fling') await page.evaluate(FLING);
  else await wheel(page, await page.evaluate<number>(heightOf(ASSETS)));
  const time = used(timeBefore, await processorTime(process.pid));
  const { intervals, incomplete, mainTasks } = readTrace(await browser.stopTracing());
  const after = await heapMegabytes(page);
  const { tiles, shown, top } = await page.evaluate<{ readonly tiles: number; readonly shown: number; readonly top: number }>('({ tiles: document.querySelectorAll(".tile").length, shown: pictures.shown / pictures.tiles, top: scrollY })');
  const at = (share: number) => (intervals.toSorted((a, b) => a - b)[Math.floor((intervals.length - 1) * share)] ?? 0).toFixed(1);
  console.log(`${how}: ${top.toFixed(0)} px in ${intervals.length} presented frames: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms, ${intervals.filter((ms) => ms > LONG_FRAME_MS).length} over ${LONG_FRAME_MS} ms; ${incomplete} with a part not painted; ${(shown * 100).toFixed(0)} % of the tiles on screen with their picture`);
  console.log(`${how}: longest task of the page's main thread ${mainTasks.reduce((longest, ms) => Math.max(longest, ms), 0).toFixed(1)} ms of processor time, ${mainTasks.filter((ms) => ms > LONG_FRAME_MS).length} over ${LONG_FRAME_MS} ms`);
  const sum = time.reduce((total, { ms }) => total + ms, 0);
  const perScreen = (ms: number) => ((ms / top) * 900).toFixed(1);
  console.log(`${how}: processor time for each 900 px, ${perScreen(sum)} ms: ${time.slice(0, THREADS).map(({ name, ms }) => `${name} ${perScreen(ms)}`).join(', ')}`);
  console.log(`${how}: heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB at the end; ${tiles} tiles in the page; the renderer has ${((await residentBytes(process.pid, 'renderer')) / 1e6).toFixed(0)} MB resident`);
  await page.close();
}

/** Wheel events, as a mouse sends them: the compositor scrolls, the page follows. */
async function wheel(page: Page, height: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Input.synthesizeScrollGesture', { x: 640, y: 600, yDistance: -height, speed: WHEEL_SPEED, gestureSourceType: 'mouse' });
  await session.detach();
}

/** After a garbage collection. */
async function heapMegabytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize / 1e6;
}
