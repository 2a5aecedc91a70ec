import type { Page } from '@playwright/test';
import { describe, expect, it } from 'vitest';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createCinegraphClient, type CinegraphClient } from '../../../src/client/index.ts';
import { axeViolations, hasChromium, until } from '../../support/browser.ts';
import { holdInference } from '../../support/inference-hold.ts';
import { SHIPPED, studioOf } from '../../support/studio.ts';

/** The frames on the page's film strip: whole ones, and sketches of what is unfinished. */
function stripOn(page: Page): Promise<string[]> {
  return page.locator('.strip .slot:has(img)').evaluateAll((slots) => slots.map((slot) => (slot.classList.contains('slot-sketch') ? 'sketch' : 'frame')));
}

/** The same, as the server's events have it so far. */
async function stripTold(client: CinegraphClient, id: string): Promise<string[]> {
  const strip: string[] = [];
  const { lastSeq = 0 } = (await client.job(id)) ?? {};
  for await (const event of client.watchJob(id)) {
    if (event.__typename === 'FramesDecoded') for (const { index } of event.frames) strip[index] = event.final ? 'frame' : 'sketch';
    if (event.seq >= lastSeq) break;
  }
  return strip;
}

const PROMPT = 'a fox bounces on a red background';
const MAX_JAVASCRIPT = 200_000;

describe.skipIf(!hasChromium)('the Studio makes a clip', () => {
  const studio = studioOf({ ...SHIPPED, JOB_CONCURRENCY: '1' });

  const send = async (page: Page, prompt = PROMPT) => {
    await page.getByLabel('Prompt').fill(prompt);
    await page.getByLabel('Prompt').press('Enter');
  };
  const done = (page: Page) => page.getByRole('status').getByText('Done in').waitFor();

  it('shows each frame as soon as it can be seen, unfinished ones as such, then the clip', async () => {
    const { page, faults } = await studio.visit('/');
    const client = createCinegraphClient({ url: studio.url });
    await page.getByRole('group', { name: 'Length' }).getByRole('radio', { name: '16 s' }).check();
    let held = await holdInference(studio.program);
    try {
      await send(page);
      await page.waitForURL((url) => url.searchParams.has('job'));
      const id = new URL(page.url()).searchParams.get('job') ?? '';
      let before: readonly string[] = [];
      // Twice: with the model at rest the strip is what the server has told, an unfinished frame at its end, and longer than the time before.
      for (let halt = 0; halt < 2; halt += 1) {
        let strip: readonly string[] = [];
        while (strip.at(-1) !== 'sketch' || strip.length <= before.length) {
          held.release();
          await until(page, `document.querySelectorAll('.strip img').length > ${strip.length}`);
          held = await holdInference(studio.program);
          // What the model had said before it was stopped may still be on its way.
          await expect.poll(async () => isDeepStrictEqual((strip = await stripOn(page)), await stripTold(client, id)), { timeout: 60_000 }).toBe(true);
        }
        expect(strip.slice(0, -4)).not.toContain('sketch');
        expect((await client.job(id))?.status).toBe('RUNNING');
        expect(await page.locator('.strip .slot').count()).toBe(129);
        expect(strip.length).toBeLessThan(129);
        await page.getByText('Sketch: tokens are still missing').waitFor();
        before = strip;
      }
    } finally {
      held.release();
      client.close();
    }
    await done(page);
    await page.locator('.screen video').waitFor();
    await until(page, "document.querySelectorAll('.strip .slot:not(.slot-sketch) img').length === 129");
    await until(page, 'document.querySelector(".screen video").readyState >= 2');
    expect(await page.getByText('tokens/s').textContent()).toMatch(/\d+ of \d+ tokens · \d+ tokens\/s · first frame after [\d.]+ s/);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('plays and stops, and goes frame by frame with the keyboard', async () => {
    const { page, faults } = await studio.visit('/', { reducedMotion: 'reduce' });
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
    const { page, faults } = await studio.visit('/');
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
    const { page, faults } = await studio.visit('/');
    await page.getByLabel('Prompt').fill('   ');
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByRole('alert').getByText('prompt is empty').waitFor();
    expect(await page.getByLabel('Prompt').getAttribute('aria-invalid')).toBe('true');
    expect(await page.evaluate('document.activeElement.id')).toBe('prompt');
    await page.goto(`${studio.url}/?job=nonsense`);
    await page.getByRole('alert').getByRole('button', { name: 'Start anew' }).click();
    await page.getByText('Write what you want to see').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('shows several jobs at once, the place in the queue, and cancels', async () => {
    const { page, faults } = await studio.visit('/');
    const held = await holdInference(studio.program);
    try {
      await send(page, 'a rocket moves up at night');
      await page.locator('.tray-item').getByText('a rocket moves up at night').waitFor();
      await page.waitForURL((url) => url.href !== `${studio.url}/`);
      const first = page.url();
      await send(page, 'a penguin spins');
      await page.waitForURL((url) => url.href !== first);
      const second = page.url();
      await send(page, 'a ghost goes right');
      await page.waitForURL((url) => url.href !== second);
      // The places follow the queue: the first job leaves it, then the second.
      await page.locator('.tray-item').filter({ hasText: 'a penguin spins' }).getByText('number 1 in the queue').waitFor();
      await page.locator('.tray-item').filter({ hasText: 'a ghost goes right' }).getByText('number 2 in the queue').waitFor();
      await page.getByRole('status').getByText('Waiting: 1 before this one').waitFor();
      await page.locator('.tray-item').getByText('a penguin spins').click();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('status').getByText('Canceled').waitFor();
      await page.getByRole('button', { name: 'Try again' }).waitFor();
      await page.locator('.tray-item').getByText('a ghost goes right').click();
      await page.getByRole('status').getByText('Next in the queue').waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('status').getByText('Canceled').waitFor();
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
    const { page, faults } = await studio.visit('/');
    await send(page);
    await page.locator('.strip img').first().waitFor();
    const held = await holdInference(studio.program);
    const before = await page.locator('.strip img').count();
    try {
      await page.reload();
      await until(page, `document.querySelectorAll('.strip img').length >= ${before}`);
      expect(await page.getByLabel('Prompt').inputValue(), 'the draft is kept').toBe(PROMPT);
    } finally {
      held.release();
    }
    await done(page);
    await until(page, "document.querySelectorAll('.strip img').length === 17");
    expect(faults).toEqual([]);
    await page.close();
  });

  it('fills in what made a job, the seed kept: remix', async () => {
    const { page, faults } = await studio.visit('/');
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
    const page = await studio.browser.newPage();
    const scripts: Promise<Buffer>[] = [];
    page.on('response', (response) => {
      if (response.request().resourceType() === 'script') scripts.push(response.body());
    });
    await page.goto(`${studio.url}/`, { waitUntil: 'networkidle' });
    const sizes = (await Promise.all(scripts)).map((script) => gzipSync(script).byteLength);
    expect(sizes.length).toBeGreaterThan(0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_JAVASCRIPT);
    await page.close();
  });

  it.each(['light', 'dark'] as const)('has nothing for axe to find, in %s', async (colorScheme) => {
    const { page, faults } = await studio.visit('/', { colorScheme });
    await page.getByRole('group', { name: 'Examples' }).getByRole('button').first().waitFor();
    await page.getByText('Advanced').click();
    expect(await axeViolations(page)).toEqual([]);
    const held = await holdInference(studio.program);
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
    await page.getByText('cinegraph-small', { exact: true }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('follows the theme of the system until one is chosen, and remembers that', async () => {
    const { page } = await studio.visit('/', { colorScheme: 'dark' });
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
    const { page, faults } = await studio.visit('/', { viewport: { width: 360, height: 740 }, hasTouch: true });
    await send(page);
    await done(page);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    expect(faults).toEqual([]);
    await page.close();
  });
});
