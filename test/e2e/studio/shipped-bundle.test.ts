import { describe, expect, it } from 'vitest';
import { hasChromium, until } from '../../support/browser.ts';
import { SHIPPED, studioOf } from '../../support/studio.ts';

/** Runs in the page: two moments of the clip on the stage, each as the brightness of 16 x 16 points. */
const MOMENTS = `(async () => {
  const video = document.querySelector('.screen video');
  const canvas = Object.assign(document.createElement('canvas'), { width: 16, height: 16 });
  const context = canvas.getContext('2d');
  const at = async (time) => {
    const sought = new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }));
    video.currentTime = time;
    await sought;
    context.drawImage(video, 0, 0, 16, 16);
    const { data } = context.getImageData(0, 0, 16, 16);
    return Array.from({ length: 256 }, (_, point) => data[4 * point] + data[4 * point + 1] + data[4 * point + 2]);
  };
  return [await at(0.01), await at(video.duration - 0.01)];
})()`;

describe.skipIf(!hasChromium)('the Studio with the model that the repository ships', () => {
  const studio = studioOf(SHIPPED);

  it('makes a clip of a prompt: a picture that is more than one colour, and moves', async () => {
    const { page, faults } = await studio.visit('/', { reducedMotion: 'reduce' });
    const example = page.getByRole('group', { name: 'Examples' }).getByRole('button').first();
    const prompt = await example.textContent();
    await page.getByLabel('Prompt').fill(prompt ?? '');
    await page.getByLabel('Prompt').press('Enter');
    await page.getByRole('status').getByText('Done in').waitFor();
    await until(page, 'document.querySelector(".screen video")?.readyState >= 2');
    const slots = await page.locator('.strip .slot').count();
    expect(slots).toBeGreaterThan(1);
    expect(await page.locator('.strip .slot:not(.slot-sketch) img').count()).toBe(slots);
    const [first, last]: readonly [readonly number[], readonly number[]] = await page.evaluate(MOMENTS);
    expect(Math.max(...first) - Math.min(...first), 'brightest less darkest point, of 765').toBeGreaterThan(60);
    expect(Math.max(...first.map((value, point) => Math.abs(value - (last[point] ?? 0)))), 'largest change of a point').toBeGreaterThan(60);
    expect(faults).toEqual([]);
    await page.close();
  });
});
