/**
 * `node scripts/screenshot.ts [folder]`: makes the README's pictures, of Create while it generates, the film, the library and the lineage, in
 * light and dark. MODEL_DIR takes another bundle than the shipped one. Needs Chromium.
 */
import { chromium, type Browser, type Page } from '@playwright/test';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { startApp } from '../src/app.ts';
import { createCinegraphClient, type CinegraphClient } from '../src/client/index.ts';
import { loadConfig } from '../src/config.ts';

const THEMES = ['light', 'dark'] as const;
const PROMPT = 'a rocket moves up at night';
/** Frames that must be there before the picture of Create is taken. */
const FRAMES = 9;
const SIZE = { width: 1180, height: 820 };

const folder = path.resolve(process.argv[2] ?? 'docs');
await mkdir(folder, { recursive: true });
const dataDir = await mkdtemp(path.join(tmpdir(), 'cinegraph-screenshot-'));
const config = loadConfig({ ...process.env, DATA_DIR: dataDir, PORT: '0' });
const app = await startApp({ config, log: pino({ level: 'silent' }), onStep: () => undefined });
const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const client = createCinegraphClient({ url: app.url });
try {
  await app.ready;
  const { clip, film } = await fillLibrary(client);
  for (const theme of THEMES) {
    await picture(browser, theme, 'create', '/', async (page) => {
      await page.getByLabel('Prompt').fill(PROMPT);
      await page.getByLabel('Prompt').press('Enter');
      await page.locator('.strip img').nth(FRAMES - 1).waitFor();
    });
    await picture(browser, theme, 'library', '/library', (page) => loaded(page, '.tile img'));
    if (clip !== undefined) await picture(browser, theme, 'lineage', `/library/${encodeURIComponent(clip)}`, (page) => loaded(page, '.lineage-graph img'));
    if (film !== undefined) {
      await picture(browser, theme, 'film', `/film/${encodeURIComponent(film)}`, async (page) => {
        await page.getByRole('status').getByText('Done in').waitFor();
        await loaded(page, '.shot-picture img');
      });
    }
  }
} finally {
  client.close();
  await browser.close();
  await app.close();
  await rm(dataDir, { recursive: true, force: true });
}

/** What the model does well, and, where it can, clips that were made from clips. Returns ids to look at. */
async function fillLibrary(api: CinegraphClient): Promise<{ readonly clip?: string; readonly film?: string }> {
  const [model] = await api.models();
  const prompts = model?.examples ?? [PROMPT];
  for (const [at, prompt] of prompts.entries()) await (await api.textToVideo({ prompt, seed: at + 1 })).result();
  const first = await (await api.textToVideo({ prompt: PROMPT, seed: 7 })).result();
  const source = first.outputs[0]?.id;
  if (source === undefined) return {};
  if (model?.tasks.includes('EDIT_VIDEO') === true) await (await api.editVideo({ video: source, fromFrame: 8, prompt: 'a fox spins on a red background', candidates: 2, seed: 3 })).result();
  const longer = model?.tasks.includes('EXTEND_VIDEO') === true ? await (await api.extendVideo({ video: source, seed: 5 })).result() : null;
  if (model?.tasks.includes('FILM') !== true) return { clip: source };
  const film = await api.createFilm({ title: 'A short day', seed: 11, shots: prompts.slice(0, 3).map((prompt) => ({ prompt })) });
  await film.result();
  return { clip: longer?.outputs[0]?.id ?? source, film: film.id };
}

async function picture(from: Browser, theme: (typeof THEMES)[number], name: string, address: string, prepare: (page: Page) => Promise<void>): Promise<void> {
  const page = await from.newPage({ viewport: SIZE, colorScheme: theme, reducedMotion: 'reduce' });
  page.setDefaultTimeout(120_000);
  await page.goto(app.url + address);
  await prepare(page);
  const file = path.join(folder, `studio-${name}-${theme}.webp`);
  const webp = await sharp(await page.screenshot()).webp({ quality: 72, effort: 6 }).toBuffer();
  await writeFile(file, webp);
  console.log(`wrote ${path.relative(process.cwd(), file)}, ${Math.round(webp.byteLength / 1000)} kB`);
  await page.close();
}

/** Every picture of that kind is there and decoded. */
async function loaded(page: Page, selector: string): Promise<void> {
  await page.locator(selector).first().waitFor();
  await page.locator(selector).evaluateAll('images => Promise.all(images.map((image) => image.decode().catch(() => undefined)))');
}
