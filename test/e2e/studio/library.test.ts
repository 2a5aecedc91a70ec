import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient } from '../../../src/client/index.ts';
import { axeViolations, hasChromium, until } from '../../support/browser.ts';
import { copyAssets } from '../../support/many-assets.ts';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts';
import { studioOf } from '../../support/studio.ts';

const COPIES = 400;

describe.skipIf(!hasChromium)('the library of the Studio', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database?.close());
  const studio = studioOf(() => ({ DATABASE_URL: database.url }));
  beforeAll(async () => {
    const client = createCinegraphClient({ url: studio.url });
    await (await client.textToImage({ prompt: 'a star on a blue background', tags: ['sky'] })).result();
    await (await client.textToVideo({ prompt: 'a fox bounces', camera: 'pan left', seed: 77, tags: ['fox'] })).result();
    client.close();
  });

  it('asks a server on this machine without the internet, too', async () => {
    const { page, faults } = await studio.visit('/library');
    await page.getByRole('link', { name: 'Image: a star' }).waitFor();
    await page.evaluate('dispatchEvent(new Event("offline"))');
    await page.getByLabel('Search').fill('fox');
    await page.getByRole('link', { name: 'Image: a star' }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Video: a fox bounces' }).waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('finds by words, tag and kind, and says what to do when nothing matches', async () => {
    const { page, faults } = await studio.visit('/library');
    const fox = page.getByRole('link', { name: 'Video: a fox bounces' });
    const star = page.getByRole('link', { name: 'Image: a star' });
    await fox.waitFor();
    await star.waitFor();
    await page.getByRole('status').getByText('2 assets').waitFor();
    await page.getByLabel('Search').fill('star');
    await fox.waitFor({ state: 'detached' });
    await star.waitFor();
    await page.getByLabel('Search').fill('a zebra');
    await page.getByText('Nothing matches').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.getByRole('radio', { name: 'Pictures' }).check();
    await fox.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Tags').fill('fox');
    await star.waitFor({ state: 'detached' });
    expect(new URL(page.url()).searchParams.get('tags'), 'the address keeps the filter').toBe('fox');
    await page.reload();
    await fox.waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('plays under the pointer, opens, closes with Escape, and remixes', async () => {
    const { page, faults } = await studio.visit('/library');
    const fox = page.getByRole('link', { name: 'Video: a fox bounces' });
    await fox.hover();
    await until(page, 'document.querySelector(".tile video")?.currentTime > 0');
    await fox.click();
    const dialog = page.getByRole('dialog', { name: 'a fox bounces' });
    await dialog.getByText('77', { exact: true }).waitFor();
    await dialog.getByText('pan left').waitFor();
    const download = page.waitForEvent('download');
    await dialog.getByRole('link', { name: 'Download MP4' }).click();
    expect((await download).suggestedFilename()).toMatch(/\.mp4$/);
    const gif = page.waitForEvent('download');
    await dialog.getByRole('link', { name: 'GIF' }).click();
    expect((await gif).suggestedFilename()).toMatch(/\.gif$/);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(new URL(page.url()).pathname).toBe('/library');
    await fox.click();
    await dialog.getByRole('link', { name: 'Remix' }).click();
    await page.getByText('Filled in').waitFor();
    expect(await page.getByLabel('Prompt').inputValue()).toBe('a fox bounces');
    expect(await page.getByRole('textbox', { name: 'Seed' }).inputValue()).toBe('77');
    expect(await page.getByRole('radio', { name: 'pan left' }).isChecked()).toBe(true);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('tags what is ticked, deletes it, and takes that back', async () => {
    const { page, faults } = await studio.visit('/library');
    const [fox, star] = [page.getByRole('link', { name: 'Video: a fox bounces' }), page.getByRole('link', { name: 'Image: a star' })];
    await page.getByRole('checkbox', { name: 'Select a star' }).check();
    await page.getByRole('checkbox', { name: 'Select a fox' }).check();
    await page.getByText('2 selected').waitFor();
    await page.getByLabel('Tags to add').fill('kept, both');
    await page.getByRole('button', { name: 'Add tags' }).click();
    await page.getByText('2 assets tagged kept, both').waitFor();
    // What was added before stays: the tiles know of it.
    await page.getByRole('checkbox', { name: 'Select a star' }).check();
    await page.getByLabel('Tags to add').fill('later');
    await page.getByRole('button', { name: 'Add tags' }).click();
    await page.getByText('1 asset tagged later').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('The tags are as they were').waitFor();
    await page.getByRole('checkbox', { name: 'Select a star' }).check();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Delete' }).click();
    await star.waitFor({ state: 'detached' });
    expect(await fox.count()).toBe(1);
    await page.getByRole('status').getByText('1 asset', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await star.waitFor();
    await page.getByText('1 asset restored').waitFor();
    await page.goto(`${studio.url}/library?tags=both`);
    await star.waitFor();
    await fox.waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('says in words that an asset is gone', async () => {
    const { page } = await studio.visit('/library/bm90aGluZw', {}, /./);
    expect(await page.getByRole('dialog').getByText(/does not exist|not one that this server made/).textContent()).toBeTruthy();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('link', { name: 'Video: a fox bounces' }).waitFor();
    await page.close();
  });

  it.each(['light', 'dark'] as const)('has nothing for axe to find, in %s', async (colorScheme) => {
    const { page } = await studio.visit('/library', { colorScheme });
    const fox = page.getByRole('link', { name: 'Video: a fox bounces' });
    await fox.waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await fox.click();
    await page.getByRole('dialog').getByText('SHA-256').waitFor();
    await page.getByText('Made from words alone').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.close();
  });

  it('holds only what is on screen, however far one scrolls', async () => {
    await copyAssets(database.url, COPIES);
    const { page, faults } = await studio.visit('/library');
    const last = page.getByRole('link', { name: 'Image: a star' });
    await page.getByRole('link', { name: 'copy 1', exact: false }).first().waitFor();
    const end = Date.now() + 90_000;
    while ((await last.count()) === 0 && Date.now() < end) {
      await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)');
      expect(await page.locator('.tile').count()).toBeLessThan(120);
      await page.locator('.tile-link').first().waitFor();
    }
    await last.waitFor();
    await page.evaluate('scrollTo(0, 0)');
    await page.getByRole('link', { name: 'Video: a fox bounces' }).waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('fits on a phone', async () => {
    const { page } = await studio.visit('/library', { viewport: { width: 360, height: 740 }, hasTouch: true });
    await page.locator('.tile-link').first().click();
    await page.getByRole('dialog').getByText('SHA-256').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await page.close();
  });
});
