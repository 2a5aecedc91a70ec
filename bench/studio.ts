/**
 * `node bench/studio.ts [assets] [wheel,fling]`: how soon the Studio can be typed into, and how smoothly a library of so many assets (10,000)
 * scrolls: with a wheel at 2,500 px/s, three screens a second, and with a third of a screen in each frame of the page, 18,000 px/s at 60 Hz.
 * Each asset has a thumbnail of its own. A page of nothing but numbered lines, as high as the library, is scrolled in the same way after it: what
 * the machine does not manage there, no library could. Starts the program on an embedded Postgres of its own, and Debian's Chromium. Asserts nothing.
 */
import { chromium } from '@playwright/test';
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
import { BarePage } from './bare-page.ts';
import { MachineWatch } from './machine-watch.ts';
import { CATEGORIES, readTrace, SCROLL_BEGINS, SCROLL_ENDS, type Stall, type TracedScroll } from './presented-frames.ts';
import { processorTime, residentBytes, used } from './processor-time.ts';

const ASSETS = Number(process.argv[2] ?? 10_000);
const VISITS = 5;
const LONG_FRAME_MS = 50;
const SCROLLS = (process.argv[3] ?? 'wheel,fling').split(',');
/** Pixels in a second: three screens. */
const WHEEL_SPEED = 2_500;
/** Threads that are told by name. */
const THREADS = 14;
/** Of each scroll, and threads of each. */
const TOLD_STALLS = 8;
const STALL_THREADS = 5;

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
/** Runs in the page: how many rows all the assets take, and the pixels from one to the next. */
const rowsOf = (assets: number) => `(() => {
  const tops = [...document.querySelectorAll('.tile')].map((tile) => tile.getBoundingClientRect().top);
  const columns = tops.filter((top) => top === tops[0]).length;
  return { count: Math.ceil(${assets} / columns), px: tops[columns] - tops[0] };
})()`;
/** Runs in the page: marks the first scroll event, and the last one when `endScroll` is called. */
const MARK_SCROLL = `(() => {
  let first, last;
  addEventListener('scroll', ({ timeStamp }) => {
    first ??= performance.mark('${SCROLL_BEGINS}', { startTime: timeStamp });
    last = timeStamp;
  }, { passive: true });
  window.endScroll = () => void performance.mark('${SCROLL_ENDS}', { startTime: last });
})()`;
/** A page without a script, a picture or anything to fetch. */
const plainPage = ({ count, px }: Rows) => `<!doctype html><title>plain</title><style>body { margin: 0 } p { margin: 0; height: ${px}px }</style>${Array.from({ length: count }, (_, row) => `<p>${row}</p>`).join('')}`;
/** Runs in the page: from now on looks four times a second at how many of the tiles on screen show their picture. */
const WATCH_PICTURES = `(() => {
  window.pictures = { shown: 0, tiles: 0 };
  setInterval(() => {
    const tiles = [...document.querySelectorAll('.tile')].filter((tile) => tile.getBoundingClientRect().bottom > 0 && tile.getBoundingClientRect().top < innerHeight);
    window.pictures.tiles += tiles.length;
    window.pictures.shown += tiles.filter((tile) => tile.querySelector('img')?.naturalWidth > 0).length;
  }, 250);
})()`;

interface Rows {
  readonly count: number;
  readonly px: number;
}

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
  await using page = await BarePage.open(browser, 1280, 900);
  await page.goto(`${app.url}/library`, '.tile-link');
  const before = await heapMegabytes(page);
  const rows = await page.evaluate<Rows>(rowsOf(ASSETS));
  await page.evaluate(WATCH_PICTURES);
  await scroll(page, how, how, rows);
  const after = await heapMegabytes(page);
  const { tiles, shown } = await page.evaluate<{ readonly tiles: number; readonly shown: number }>('({ tiles: document.querySelectorAll(".tile").length, shown: pictures.shown / pictures.tiles })');
  console.log(`${how}: ${(shown * 100).toFixed(0)} % of the tiles on screen with their picture; heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB at the end; ${tiles} tiles in the page; the renderer has ${((await residentBytes(process.pid, 'renderer')) / 1e6).toFixed(0)} MB resident`);
  await page.goto('about:blank', 'body');
  await page.evaluate(`document.write(${JSON.stringify(plainPage(rows))})`);
  await scroll(page, how, `${how}, plain page`, rows);
}

async function scroll(page: BarePage, how: string, label: string, rows: Rows): Promise<void> {
  await page.evaluate(MARK_SCROLL);
  await browser.startTracing(undefined, { categories: CATEGORIES });
  using machine = new MachineWatch();
  const timeBefore = await processorTime(process.pid);
  if (how === 'fling') await page.evaluate(FLING);
  else await wheel(page, rows.count * rows.px);
  await page.evaluate('endScroll()');
  const time = used(timeBefore, await processorTime(process.pid));
  const top = await page.evaluate<number>('scrollY');
  tell(label, readTrace(await browser.stopTracing(), LONG_FRAME_MS), top, machine);
  const sum = time.reduce((total, { ms }) => total + ms, 0);
  const perScreen = (ms: number) => ((ms / top) * 900).toFixed(1);
  console.log(`${label}: processor time for each 900 px, ${perScreen(sum)} ms: ${time.slice(0, THREADS).map(({ name, ms }) => `${name} ${perScreen(ms)}`).join(', ')}`);
}

function tell(label: string, { intervals, incomplete, mainTasks, stalls }: TracedScroll, top: number, machine: MachineWatch): void {
  const at = (share: number) => (intervals.toSorted((a, b) => a - b)[Math.floor((intervals.length - 1) * share)] ?? 0).toFixed(1);
  console.log(`${label}: ${top.toFixed(0)} px in ${intervals.length} presented frames: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms, ${stalls.length} over ${LONG_FRAME_MS} ms; ${incomplete} with a part not painted`);
  console.log(`${label}: longest task of the page's main thread ${mainTasks.reduce((longest, ms) => Math.max(longest, ms), 0).toFixed(1)} ms of processor time, ${mainTasks.filter((ms) => ms > LONG_FRAME_MS).length} over ${LONG_FRAME_MS} ms`);
  for (const stall of stalls.toSorted((a, b) => b.ms - a.ms).slice(0, TOLD_STALLS)) tellStall(label, stall, machine);
}

function tellStall(label: string, { from, to, afterMs, ms, threads }: Stall, machine: MachineWatch): void {
  const { busy, ownMs } = machine.between(from, to);
  const told = threads.slice(0, STALL_THREADS).map(({ name, tookMs, ranMs }) => `${name} ${tookMs.toFixed(0)} (${ranMs.toFixed(0)})`);
  console.log(`${label}: ${ms.toFixed(0)} ms without a frame, ${(afterMs / 1000).toFixed(1)} s after the start; processors ${(busy * 100).toFixed(0)} % busy, server ${ownMs.toFixed(0)} ms; tasks of Chromium, ms (of processor time): ${told.join(', ')}`);
}

/** Wheel events, as a mouse sends them: the compositor scrolls, the page follows. */
async function wheel(page: BarePage, height: number): Promise<void> {
  await page.send('Input.synthesizeScrollGesture', { x: 640, y: 600, yDistance: -height, speed: WHEEL_SPEED, gestureSourceType: 'mouse' });
}

/** After a garbage collection. */
async function heapMegabytes(page: BarePage): Promise<number> {
  await page.send('HeapProfiler.collectGarbage');
  const { usedSize } = (await page.send('Runtime.getHeapUsage')) as { readonly usedSize: number };
  return usedSize / 1e6;
}
