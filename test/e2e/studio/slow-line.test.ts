/** Whoever is faster than the line: nothing is sent, or taken away, that was not meant. */
import type { Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient, type CinegraphClient, type Job } from '../../../src/client/index.ts';
import { axeViolations, hasChromium } from '../../support/browser.ts';
import { failRequests, holdRequests } from '../../support/hold-requests.ts';
import { png } from '../../support/media-files.ts';
import { dropFile, paintMask, studioOf } from '../../support/studio.ts';

describe.skipIf(!hasChromium)('the Studio on a slow line', () => {
  const studio = studioOf();
  let client: CinegraphClient;
  let made: Job;
  let clip: string;
  beforeAll(async () => {
    client = createCinegraphClient({ url: studio.url });
    made = await (await client.textToVideo({ prompt: 'a fox bounces', camera: 'pan left', seed: 77 })).result();
    clip = made.outputs[0]?.id ?? '';
  });
  afterAll(() => client?.close());

  const sourceOf = (task: string, id = clip) => `/?source=${encodeURIComponent(id)}&task=${task}`;
  /** An empty page that then goes on slowly: its own parts are not held. */
  const open = async (path: string, operation: string) => {
    const { page, faults } = await studio.visit('/library');
    const held = await holdRequests(page, operation);
    await page.goto(studio.url + path);
    return { page, faults, held };
  };
  const press = async (page: Page, prompt: string) => {
    await page.getByLabel('Prompt').fill(prompt);
    await page.getByLabel('Prompt').press('Enter');
  };
  const done = (page: Page) => page.getByRole('status').getByText('Done in').waitFor();
  const jobOf = async (page: Page): Promise<Job | null> => client.job(new URL(page.url()).searchParams.get('job') ?? '');
  const jobCount = async () => (await client.jobs({ withTotal: true, pageSize: 1 }).page()).totalCount;

  it('keeps the task of what is attached, and sends it when that has come', async () => {
    const { page, faults, held } = await open(sourceOf('videoToAudio'), 'GetAsset');
    await page.getByRole('status').getByText('Loading what is attached').waitFor();
    expect(await page.getByRole('radio', { name: 'Add sound' }).isChecked()).toBe(true);
    await press(page, 'a bell');
    await page.getByRole('status').getByText('It is sent as soon as what is attached has been loaded').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    held.release();
    await done(page);
    expect(await jobOf(page)).toMatchObject({ task: 'VIDEO_TO_AUDIO', input: { video: clip, prompt: 'a bell' } });
    expect(faults).toEqual([]);
    await page.close();
  });

  it('finds the task when the address names none', async () => {
    const { page, faults, held } = await open(`/?source=${encodeURIComponent(clip)}`, 'GetAsset');
    await press(page, 'it goes on');
    held.release();
    await done(page);
    expect(await jobOf(page)).toMatchObject({ task: 'EXTEND_VIDEO', input: { video: clip } });
    expect(faults).toEqual([]);
    await page.close();
  });

  it('sends nothing when what it waits for is taken away', async () => {
    const { page, faults, held } = await open(sourceOf('extendVideo'), 'GetAsset');
    const before = await jobCount();
    await press(page, 'it goes on');
    await page.getByRole('button', { name: 'Waiting' }).waitFor();
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('button', { name: 'Generate' }).waitFor();
    held.release();
    await press(page, 'a fox spins');
    await done(page);
    expect([(await jobOf(page))?.task, await jobCount()]).toEqual(['TEXT_TO_VIDEO', (before ?? 0) + 1]);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('says that what is attached cannot be loaded, and loads it when asked again', async () => {
    const { page, faults } = await studio.visit('/library', {}, /ERR_FAILED/);
    const failing = await failRequests(page, 'GetAsset');
    await page.goto(studio.url + sourceOf('videoToText'));
    const note = page.getByRole('alert');
    await note.waitFor();
    expect(await page.getByRole('button', { name: 'Generate' }).isDisabled()).toBe(true);
    await page.getByText('Try that again, or remove it').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    failing.release();
    await note.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('button', { name: 'Generate' }).click();
    await done(page);
    expect(await jobOf(page)).toMatchObject({ task: 'VIDEO_TO_TEXT', input: { video: clip } });
    expect(faults).toEqual([]);
    await page.close();
  });

  it('says that what was attached is gone, until it is removed', async () => {
    const gone = await client.upload(new File([new Uint8Array(await png())], 'gone.png', { type: 'image/png' }));
    await client.deleteAsset(gone.id);
    const { page, faults } = await studio.visit(sourceOf('imageToVideo', gone.id));
    await page.getByRole('alert').getByText('does not exist any more').waitFor();
    expect(await page.getByRole('button', { name: 'Generate' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Remove' }).click();
    await press(page, 'a fox spins');
    await done(page);
    expect((await jobOf(page))?.task).toBe('TEXT_TO_VIDEO');
    expect(faults).toEqual([]);
    await page.close();
  });

  it('waits for a file that is being uploaded, and sends nothing when that is stopped', async () => {
    const { page, faults, held } = await open('/', 'CreateUpload');
    const before = await jobCount();
    await dropFile(page, await png(), 'red.png', 'image/png');
    await press(page, 'it bounces');
    await page.getByRole('status').getByText('It is sent as soon as the file has arrived').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Generate' }).waitFor();
    await dropFile(page, await png(), 'red.png', 'image/png');
    await page.getByLabel('Prompt').press('Enter');
    await page.getByRole('button', { name: 'Waiting' }).waitFor();
    held.release();
    await done(page);
    expect(await jobOf(page)).toMatchObject({ task: 'IMAGE_TO_VIDEO', input: { prompt: 'it bounces' } });
    expect(await jobCount()).toBe((before ?? 0) + 1);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('waits for the mask that was painted; one that was wiped off counts no more', async () => {
    const { page, faults, held } = await open(sourceOf('inpaintVideo'), 'CreateUpload');
    await page.getByRole('radio', { name: 'Brush' }).check();
    await press(page, 'a fox in a hat');
    await page.getByRole('status').getByText('It is sent as soon as something is painted over').waitFor();
    await paintMask(page);
    await page.getByRole('status').getByText('It is sent as soon as the mask is stored').waitFor();
    held.release();
    await done(page);
    expect(await jobOf(page)).toMatchObject({ task: 'INPAINT_VIDEO', input: { mask: { asset: expect.any(String) } } });
    const again = await holdRequests(page, 'CreateUpload');
    await paintMask(page);
    await page.getByRole('button', { name: 'Wipe' }).click();
    await page.getByRole('radio', { name: 'Rectangle' }).check();
    again.release();
    const before = page.url();
    await press(page, 'a fox in a hat');
    await page.waitForURL((url) => url.href !== before);
    await done(page);
    expect(await jobOf(page)).toMatchObject({ task: 'INPAINT_VIDEO', input: { mask: { rectangle: { width: 0.5 } } } });
    expect(faults).toEqual([]);
    await page.close();
  });

  it('lets nobody type into a form that is about to be filled in, and fills in nothing once somebody has left', async () => {
    const { page, faults, held } = await open(`/?remix=${encodeURIComponent(made.id)}`, 'GetJob');
    await page.locator('form.composer[inert]').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('link', { name: 'Film', exact: true }).click();
    await page.getByLabel('Story').waitFor();
    held.release();
    await page.getByLabel('Story').fill('A fox bounces.');
    await page.getByRole('button', { name: 'Make shots of it' }).click();
    expect(new URL(page.url()).pathname).toBe('/film');
    await page.goBack();
    await page.getByText('Filled in').waitFor();
    expect(await page.getByLabel('Prompt').inputValue()).toBe('a fox bounces');
    expect(await page.getByRole('radio', { name: 'pan left' }).isChecked()).toBe(true);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('keeps a seed that was typed while another was on its way, and takes nobody back who has left', async () => {
    const { page, faults, held } = await open('/', 'Generate');
    await press(page, 'a ghost goes right');
    await page.getByRole('button', { name: 'Sending' }).waitFor();
    await page.getByRole('textbox', { name: 'Seed' }).fill('42');
    held.release();
    await done(page);
    expect(await page.getByRole('textbox', { name: 'Seed' }).inputValue()).toBe('42');
    const again = await holdRequests(page, 'Generate');
    await page.getByLabel('Prompt').press('Enter');
    await page.getByRole('link', { name: 'Library' }).click();
    const ghosts = page.getByRole('link', { name: 'Video: a ghost goes right' });
    await ghosts.waitFor();
    again.release();
    await ghosts.nth(1).waitFor();
    expect(new URL(page.url()).pathname).toBe('/library');
    expect(faults).toEqual([]);
    await page.close();
  });

  it('adds tags to those that an asset has by now, whatever the list on screen knows', async () => {
    const { page, faults } = await studio.visit('/library?q=bounces');
    const fox = page.getByRole('checkbox', { name: 'Select a fox' });
    const add = async (tags: string) => {
      await fox.check();
      await page.getByLabel('Tags to add').fill(tags);
      await page.getByRole('button', { name: 'Add tags' }).click();
      await page.getByText(`1 asset tagged ${tags}`).waitFor();
    };
    await fox.waitFor();
    const held = await holdRequests(page, 'Tiles');
    await add('first');
    await add('second');
    held.release();
    expect((await client.asset(clip))?.tags).toEqual(['first', 'second']);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('The tags are as they were').waitFor();
    expect((await client.asset(clip))?.tags).toEqual(['first']);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('counts what is chosen while a word is being typed', async () => {
    const { page, faults } = await studio.visit('/library');
    await page.clock.install();
    await page.reload();
    const fox = page.getByRole('link', { name: 'Video: a fox bounces' });
    await fox.waitFor();
    /** Within the pause after which a word counts. */
    const atOnce = async (actions: () => Promise<void>) => {
      await page.clock.pauseAt((await page.evaluate<number>('Date.now()')) + 60_000);
      await actions();
      await page.clock.runFor(1000);
      await page.clock.resume();
    };
    await atOnce(async () => {
      await page.getByLabel('Search').fill('fox');
      await page.getByRole('radio', { name: 'Clips' }).check();
    });
    await page.waitForURL((url) => url.searchParams.get('q') === 'fox');
    expect(new URL(page.url()).searchParams.get('kind')).toBe('VIDEO');
    await atOnce(async () => {
      await page.getByLabel('Search').fill('zebra');
      await page.getByRole('button', { name: 'Clear', exact: true }).click();
    });
    await fox.waitFor();
    expect([await page.getByLabel('Search').inputValue(), new URL(page.url()).search]).toEqual(['', '']);
    expect(faults).toEqual([]);
    await page.close();
  });
});
