import { describe, expect, it } from 'vitest';
import { axeViolations, hasChromium, until } from '../../support/browser.ts';
import { SHIPPED, studioOf } from '../../support/studio.ts';

describe.skipIf(!hasChromium)('the Studio makes a film', () => {
  const studio = studioOf(SHIPPED);

  it.each(['light', 'dark'] as const)('of a story: shots are moved, rendered, played and made again, in %s', async (colorScheme) => {
    const { page, faults } = await studio.visit('/film', { colorScheme });
    await page.getByLabel('Story').fill('A fox bounces. A rocket moves up. A ghost goes right.');
    await page.getByRole('button', { name: 'Make shots of it' }).click();
    await page.getByRole('button', { name: 'Move shot 3 up' }).click();
    expect(await page.getByLabel('What it shows').nth(1).inputValue()).toBe('A ghost goes right');
    await page.getByLabel('Begins where').nth(1).check();
    await page.reload();
    expect(await page.getByLabel('What it shows').nth(1).inputValue(), 'the plan outlives a reload').toBe('A ghost goes right');
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('checkbox', { name: 'With sound' }).check();
    await page.getByRole('button', { name: 'Render 3 shots' }).click();
    await page.getByRole('status').getByText('Done in').waitFor();
    expect(await page.locator('.shot-result').getByText('Ready').count()).toBe(3);
    await page.locator('.screen video').waitFor();
    await page.getByRole('button', { name: 'Sound on' }).click();
    await until(page, 'document.querySelector(".screen video").currentTime > 0');
    const player = 'document.querySelector(".screen video")';
    await until(page, `!${player}.muted && ${player}.webkitAudioDecodedByteCount > 0 && ${player}.duration > 6`);
    expect(await axeViolations(page)).toEqual([]);
    const before = page.url();
    await page.getByRole('link', { name: 'Remix' }).click();
    await page.waitForURL(`${studio.url}/film`);
    await page.getByRole('button', { name: 'Render 3 shots' }).waitFor();
    expect(await page.getByLabel('What it shows').nth(1).inputValue()).toBe('A ghost goes right');
    expect(await page.getByLabel('Begins where').nth(1).isChecked()).toBe(true);
    await page.goto(before);
    await page.getByRole('button', { name: 'Make shot 2 again' }).click();
    await page.waitForURL((url) => url.href !== before);
    await page.getByRole('status').getByText('Done in').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('moves shots by dragging and by the arrow keys, on a phone too', async () => {
    const { page, faults } = await studio.visit('/film', { viewport: { width: 360, height: 740 }, hasTouch: true });
    const prompts = () => page.getByLabel('What it shows').evaluateAll((fields) => fields.map((field) => (field as HTMLTextAreaElement).value));
    await page.getByLabel('Story').fill('One. Two. Three.');
    await page.getByRole('button', { name: 'Make shots of it' }).click();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    const [handle, target] = [page.getByRole('button', { name: 'Drag shot 2' }), page.getByRole('heading', { name: 'Shot 1' })];
    await target.scrollIntoViewIfNeeded();
    await handle.hover();
    await page.mouse.down();
    await target.hover();
    await page.mouse.up();
    expect(await prompts()).toEqual(['Two', 'One', 'Three']);
    await page.getByRole('button', { name: 'Drag shot 2' }).press('ArrowDown');
    expect(await prompts()).toEqual(['Two', 'Three', 'One']);
    await page.getByText('Shot 2 is shot 3 now').waitFor({ state: 'attached' });
    expect(faults).toEqual([]);
    await page.close();
  });

  it('says which shot is at fault', async () => {
    const { page, faults } = await studio.visit('/film');
    await page.getByRole('button', { name: 'Render 1 shot' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByLabel('What it shows').getAttribute('aria-invalid')).toBe('true');
    expect(faults).toEqual([]);
    await page.close();
  });
});
