import { describe, expect, it } from 'vitest';
import { hasChromium } from '../../support/browser.ts';
import { holdInference } from '../../support/inference-hold.ts';
import { SHIPPED, studioOf } from '../../support/studio.ts';

describe.skipIf(!hasChromium)('the Studio and a server that is restarted', () => {
  const studio = studioOf(SHIPPED);

  it('says that the connection is lost, then goes on with the job', async () => {
    const { page, faults } = await studio.visit('/', {}, /ERR_CONNECTION|WebSocket|503/);
    const held = await holdInference(studio.program);
    await page.getByLabel('Prompt').fill('a fox bounces on a red background');
    await page.getByLabel('Prompt').press('Enter');
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    studio.program.signal('SIGKILL');
    held.release();
    await studio.program.exit();
    await page.getByRole('status').getByText('connection was lost').waitFor();
    await studio.startAgain();
    await page.getByRole('status').getByText('Done in').waitFor();
    expect(await page.locator('.strip img').count()).toBe(17);
    await page.locator('.screen video').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });
});
