import type { Page } from '@playwright/test';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient, type Job } from '../../../src/client/index.ts';
import { axeViolations, hasChromium, until } from '../../support/browser.ts';
import { wav } from '../../support/media-files.ts';
import { dropFile, paintMask, SHIPPED, studioOf } from '../../support/studio.ts';

describe.skipIf(!hasChromium)('the Studio makes one thing from another', () => {
  const studio = studioOf(SHIPPED);
  let clip: string;
  beforeAll(async () => {
    const client = createCinegraphClient({ url: studio.url });
    const job = await (await client.textToVideo({ prompt: 'a fox bounces' })).result();
    clip = job.outputs[0]?.id ?? '';
    client.close();
  });

  const done = (page: Page) => page.getByRole('status').getByText('Done in').waitFor();
  /** The job on the stage, as the server tells it. */
  const jobOf = async (page: Page): Promise<Job> => {
    const client = createCinegraphClient({ url: studio.url });
    const job = await client.job(new URL(page.url()).searchParams.get('job') ?? '');
    client.close();
    if (job === null) throw new Error(`no job at ${page.url()}`);
    return job;
  };
  const generate = async (page: Page, prompt: string) => {
    await page.getByLabel('Prompt').fill(prompt);
    await page.getByLabel('Prompt').press('Enter');
    await done(page);
    return jobOf(page);
  };
  const attach = (page: Page, task: string) => page.goto(`${studio.url}/?source=${encodeURIComponent(clip)}&task=${task}`);

  it('animates a picture that is dropped', async () => {
    const { page, faults } = await studio.visit('/');
    const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#c33' } }).png().toBuffer();
    await dropFile(page, picture, 'red.png', 'image/png');
    await page.getByRole('img', { name: 'The first frame' }).waitFor();
    await page.getByRole('radio', { name: 'Animate', checked: true }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    expect(await generate(page, 'it bounces')).toMatchObject({ task: 'IMAGE_TO_VIDEO', status: 'SUCCEEDED' });
    await page.locator('.screen video').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('says in words what was wrong with a file', async () => {
    const { page } = await studio.visit('/', {}, /./);
    await dropFile(page, Buffer.from('no picture at all'), 'broken.png', 'image/png');
    await page.getByRole('alert').waitFor();
    await page.getByRole('button', { name: 'Dismiss' }).click();
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.close();
  });

  it('gives a clip a sound, describes it, and takes a sound that is dropped', async () => {
    const { page, faults } = await studio.visit('/');
    await attach(page, 'videoToAudio');
    const dubbed = await generate(page, 'a bell');
    expect(dubbed).toMatchObject({ task: 'VIDEO_TO_AUDIO', status: 'SUCCEEDED', outputs: [{ __typename: 'VideoAsset', hasAudio: true }] });
    await page.getByRole('button', { name: 'Sound on' }).waitFor();
    await attach(page, 'videoToText');
    await page.getByRole('radio', { name: 'Describe', checked: true }).waitFor();
    expect(await page.getByLabel('Prompt').count()).toBe(0);
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.locator('.screen-text').waitFor();
    await done(page);
    expect(await jobOf(page)).toMatchObject({ task: 'VIDEO_TO_TEXT', outputs: [{ __typename: 'TextAsset' }] });
    expect(await axeViolations(page)).toEqual([]);
    await page.goto(`${studio.url}/`);
    await page.getByRole('button', { name: 'Remove' }).click();
    await dropFile(page, wav(2), 'tone.wav', 'audio/wav');
    await page.getByRole('radio', { name: 'Clip to it', checked: true }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('edits from a frame on, two candidates side by side, and takes one', async () => {
    const { page, faults } = await studio.visit('/');
    await attach(page, 'editVideo');
    const slider = page.getByRole('slider', { name: 'Goes on from frame' });
    await slider.fill('12');
    await page.getByRole('group', { name: 'Candidates' }).getByRole('radio', { name: '2' }).check();
    expect(await axeViolations(page)).toEqual([]);
    const job = await generate(page, 'a fox spins');
    expect(job).toMatchObject({ task: 'EDIT_VIDEO', input: { fromFrame: 12 }, outputs: [{}, {}] });
    await until(page, '[...document.querySelectorAll(".screen video")].filter((video) => video.readyState >= 2).length === 2');
    await page.getByLabel('Candidate 2', { exact: true }).check();
    await page.getByRole('button', { name: 'Take this one' }).click();
    await page.getByRole('button', { name: 'This is the one' }).waitFor();
    await page.getByRole('link', { name: 'Extend' }).click();
    await page.getByRole('radio', { name: 'Extend', checked: true }).waitFor();
    const extended = await generate(page, 'it goes on');
    expect(extended).toMatchObject({ task: 'EXTEND_VIDEO', input: { video: job.outputs[1]?.id } });
    expect(faults).toEqual([]);
    await page.close();
  });

  it('inpaints what the brush has marked', async () => {
    const { page, faults } = await studio.visit('/');
    await attach(page, 'inpaintVideo');
    await page.getByRole('spinbutton', { name: 'width' }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('radio', { name: 'Brush' }).check();
    await paintMask(page);
    await page.getByText('The mask is stored').waitFor();
    const job = await generate(page, 'a fox in a hat');
    expect(job).toMatchObject({ task: 'INPAINT_VIDEO', status: 'SUCCEEDED', input: { mask: { asset: expect.any(String) } } });
    expect(faults).toEqual([]);
    await page.close();
  });

  it('stylizes by a chip, without a word', async () => {
    const { page, faults } = await studio.visit('/');
    await attach(page, 'stylizeVideo');
    await page.getByRole('radio', { name: 'Pencil sketch' }).check();
    expect(await axeViolations(page)).toEqual([]);
    const job = await generate(page, '');
    expect(job).toMatchObject({ task: 'STYLIZE_VIDEO', status: 'SUCCEEDED', input: { style: 'SKETCH' } });
    expect(faults).toEqual([]);
    await page.close();
  });

  it('outpaints as far as the handle was pulled', async () => {
    const { page, faults } = await studio.visit('/');
    await attach(page, 'outpaintVideo');
    const box = await page.getByTestId('handle-left').boundingBox();
    if (box === null) throw new Error('no handle to pull');
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x - 40, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    await until(page, `document.querySelector('.percents input').valueAsNumber > 25`);
    await page.getByRole('spinbutton', { name: 'left' }).fill('50');
    expect(await axeViolations(page)).toEqual([]);
    const job = await generate(page, 'a fox in a meadow');
    expect(job).toMatchObject({ task: 'OUTPAINT_VIDEO', status: 'SUCCEEDED', input: { padding: { left: 0.5, right: 0.25 } } });
    expect(faults).toEqual([]);
    await page.close();
  });
});
