import type { Browser, Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import { axeViolations, hasChromium, launchBrowser, until, visit } from '../../support/browser.ts';
import { graphql } from '../../support/graphql-client.ts';
import { holdInference } from '../../support/inference-hold.ts';
import { startProgram, temporaryFolder, type Program } from '../../support/server.ts';

const PROMPT = 'a fox bounces on a red background';
const MAX_JAVASCRIPT = 200_000;

describe.skipIf(!hasChromium)('the Studio makes a clip', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let program: Program;
  let browser: Browser;
  beforeAll(async () => {
    folder = await temporaryFolder();
    program = await startProgram({ DATA_DIR: folder.path, JOB_CONCURRENCY: '1' });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await program?.stop();
    await folder?.remove();
  });

  const send = async (page: Page, prompt = PROMPT) => {
    await page.getByLabel('Prompt').fill(prompt);
    await page.getByLabel('Prompt').press('Enter');
  };
  const done = (page: Page) => page.getByRole('status').getByText('Done in').waitFor();

  it('shows frames as they come, then the clip', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`);
    // Notes, at every change of the page, how many frames are on the strip and which part of the tokens is done.
    await page.evaluate(`window.growth = []; new MutationObserver(() => growth.push([document.querySelectorAll('.strip img').length, document.querySelector('progress')?.value ?? 0, document.querySelectorAll('.slot-sketch').length]))
      .observe(document.body, { childList: true, subtree: true, attributes: true })`);
    await send(page);
    await done(page);
    await page.locator('.screen video').waitFor();
    expect(await page.locator('.strip img').count()).toBe(await page.locator('.strip .slot').count());
    await until(page, 'document.querySelector(".screen video").readyState >= 2');
    const growth: [frames: number, done: number, sketches: number][] = await page.evaluate('growth');
    // How many of the changes the page shows before the end depends on how fast the machine is.
    expect(growth.some(([frames]) => frames > 0), 'the strip filled').toBe(true);
    expect(await page.locator('.slot-sketch').count()).toBe(0);
    expect(await page.getByText('tokens/s').textContent()).toMatch(/\d+ of \d+ tokens · \d+ tokens\/s · first frame after [\d.]+ s/);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('plays and stops, and goes frame by frame with the keyboard', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`, { reducedMotion: 'reduce' });
    await send(page);
    await done(page);
    await page.getByRole('button', { name: 'Play' }).waitFor();
    const slider = page.getByRole('slider', { name: 'Frame' });
    await slider.press('ArrowRight');
    await slider.press('ArrowRight');
    expect(await slider.getAttribute('aria-valuetext')).toBe('Frame 3 of 17');
    await until(page, 'Math.floor(document.querySelector(".screen video").currentTime * 8) === 2');
    await page.getByRole('listbox', { name: 'Film strip' }).press('End');
    expect(await slider.getAttribute('aria-valuetext')).toBe('Frame 17 of 17');
    await page.getByRole('button', { name: 'Play' }).click();
    await until(page, '!document.querySelector(".screen video").paused');
    expect(faults).toEqual([]);
    await page.close();
  });

  it('makes a picture with two candidates', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`);
    await page.getByRole('radio', { name: 'Picture' }).check();
    await page.getByRole('group', { name: 'Candidates' }).getByRole('radio', { name: '2' }).check();
    await send(page, 'a star on a blue background');
    await done(page);
    await until(page, '[...document.querySelectorAll("img.screen-frame")].filter((image) => image.src.includes("/media/assets/") && image.naturalWidth > 0).length === 2');
    await page.getByLabel('Candidate 2', { exact: true }).check();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('says in words what was wrong, at the field, and keeps what was typed', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`);
    await page.getByLabel('Prompt').fill('   ');
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByRole('alert').getByText('prompt is empty').waitFor();
    expect(await page.getByLabel('Prompt').getAttribute('aria-invalid')).toBe('true');
    expect(await page.evaluate('document.activeElement.id')).toBe('prompt');
    await page.goto(`${program.url}/?job=nonsense`);
    await page.getByRole('alert').getByRole('button', { name: 'Start anew' }).click();
    await page.getByText('Write what you want to see').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('shows several jobs at once, the place in the queue, and cancels', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`);
    const held = await holdInference(program);
    try {
      await send(page, 'a rocket moves up at night');
      await page.locator('.tray-item').getByText('a rocket moves up at night').waitFor();
      await page.waitForURL((url) => url.href !== `${program.url}/`);
      const first = page.url();
      // A place in the queue is what it was when the job came: the first one must have left it by then.
      const running = '{ jobs(first: 1, filter: { status: [RUNNING] }) { nodes { id } } }';
      await expect.poll(async () => (await graphql(program.url, running)).data?.jobs.nodes.length, { timeout: 60_000 }).toBe(1);
      await send(page, 'a penguin spins');
      await page.locator('.tray-item').getByText('number 1 in the queue').waitFor();
      // A job that waits for the held model is told of in the same words: the stage must be the second one's.
      await page.waitForURL((url) => url.href !== first);
      await page.getByRole('status').getByText('Next in the queue').waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('status').getByText('Canceled').waitFor();
      await page.getByRole('button', { name: 'Try again' }).waitFor();
      // The address names the job on the stage; the other one goes on.
      await page.locator('.tray-item').getByText('a rocket moves up at night').click();
      await page.getByRole('button', { name: 'Cancel' }).waitFor();
    } finally {
      held.release();
    }
    await done(page);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('goes on with a job after a reload', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`);
    await send(page);
    await page.locator('.strip img').first().waitFor();
    const held = await holdInference(program);
    const before = await page.locator('.strip img').count();
    try {
      await page.reload();
      await until(page, `document.querySelectorAll('.strip img').length >= ${before}`);
      expect(await page.getByLabel('Prompt').inputValue(), 'the draft is kept').toBe(PROMPT);
    } finally {
      held.release();
    }
    await done(page);
    expect(await page.locator('.strip img').count()).toBe(17);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('fills in what made a job, the seed kept: remix', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`);
    await page.getByRole('radio', { name: 'pan left' }).check();
    await page.getByRole('textbox', { name: 'Seed' }).fill('77');
    await send(page);
    await done(page);
    const strip = () => page.locator('.strip img').evaluateAll('images => images.map((image) => image.src)');
    const first = await strip();
    await page.getByLabel('Prompt').fill('something else');
    await page.getByLabel('Keep').uncheck();
    await page.getByRole('link', { name: 'Remix' }).click();
    await until(page, `document.querySelector('#prompt').value === ${JSON.stringify(PROMPT)}`);
    expect(await page.getByRole('textbox', { name: 'Seed' }).inputValue()).toBe('77');
    expect(await page.getByRole('radio', { name: 'pan left' }).isChecked()).toBe(true);
    await page.getByLabel('Prompt').press('Enter');
    await done(page);
    expect(await strip()).toEqual(first);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('loads less than 200 kB of JavaScript', async () => {
    const page = await browser.newPage();
    const scripts: Promise<Buffer>[] = [];
    page.on('response', (response) => {
      if (response.request().resourceType() === 'script') scripts.push(response.body());
    });
    await page.goto(`${program.url}/`, { waitUntil: 'networkidle' });
    const sizes = (await Promise.all(scripts)).map((script) => gzipSync(script).byteLength);
    expect(sizes.length).toBeGreaterThan(0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_JAVASCRIPT);
    await page.close();
  });

  it.each(['light', 'dark'] as const)('has nothing for axe to find, in %s', async (colorScheme) => {
    const { page, faults } = await visit(browser, `${program.url}/`, { colorScheme });
    await page.getByRole('button', { name: PROMPT }).waitFor();
    await page.getByText('Advanced').click();
    expect(await axeViolations(page)).toEqual([]);
    const held = await holdInference(program);
    try {
      await send(page);
      await page.getByRole('button', { name: 'Cancel' }).waitFor();
      expect(await axeViolations(page)).toEqual([]);
    } finally {
      held.release();
    }
    await done(page);
    expect(await axeViolations(page)).toEqual([]);
    await page.getByLabel('Prompt').fill('');
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByRole('alert').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('link', { name: 'System' }).click();
    await page.getByText('jobs running').waitFor();
    await page.getByText('tiny-random').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('follows the theme of the system until one is chosen, and remembers that', async () => {
    const { page } = await visit(browser, `${program.url}/`, { colorScheme: 'dark' });
    const back = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const dark = await back();
    await page.getByLabel('Theme').selectOption('light');
    const light = await back();
    expect(light).not.toBe(dark);
    await page.reload();
    expect(await back()).toBe(light);
    await page.close();
  });

  it('fits on a phone', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`, { viewport: { width: 360, height: 740 }, hasTouch: true });
    await send(page);
    await done(page);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    expect(faults).toEqual([]);
    await page.close();
  });
});
