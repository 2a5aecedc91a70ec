/** `node scripts/screenshot.ts docs/landing.png`: starts the program, types a prompt and takes the README's picture while frames come. Needs Chromium. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from '@playwright/test';
import { pino } from 'pino';
import { startApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';

const PROMPT = 'a fox bounces on a red background';
/** Frames that must be there before the picture is taken. */
const FRAMES = 11;

const file = process.argv[2] ?? 'docs/landing.png';
const dataDir = await mkdtemp(path.join(tmpdir(), 'cinegraph-screenshot-'));
const config = loadConfig({ ...process.env, DATA_DIR: dataDir, PORT: '0' });
const app = await startApp({ config, log: pino({ level: 'silent' }), onStep: () => undefined });
const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  await app.ready;
  const page = await browser.newPage({ viewport: { width: 1100, height: 720 } });
  await page.goto(app.url);
  await page.getByLabel('Prompt').fill(PROMPT);
  await page.getByLabel('Prompt').press('Enter');
  await page.locator(`.strip .slot:nth-child(${FRAMES}) img`).waitFor();
  await page.screenshot({ path: file });
  console.log(`wrote ${file}`);
} finally {
  await browser.close();
  await app.close();
  await rm(dataDir, { recursive: true, force: true });
}
