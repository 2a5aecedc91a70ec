import type { Browser } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, launchBrowser, visit } from '../../support/browser.ts';
import { holdInference } from '../../support/inference-hold.ts';
import { startProgram, temporaryFolder, type Program } from '../../support/server.ts';

describe.skipIf(!hasChromium)('the Studio and a server that is restarted', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let program: Program;
  let browser: Browser;
  beforeAll(async () => {
    folder = await temporaryFolder();
    program = await startProgram({ DATA_DIR: folder.path });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await program?.stop();
    await folder?.remove();
  });

  it('says that the connection is lost, then goes on with the job', async () => {
    const { page, faults } = await visit(browser, `${program.url}/`, {}, /ERR_CONNECTION|WebSocket|503/);
    const held = await holdInference(program);
    await page.getByLabel('Prompt').fill('a fox bounces on a red background');
    await page.getByLabel('Prompt').press('Enter');
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    program.signal('SIGKILL');
    held.release();
    await program.exit();
    await page.getByRole('status').getByText('connection was lost').waitFor();
    program = await startProgram({ DATA_DIR: folder.path, PORT: new URL(program.url).port });
    await page.getByRole('status').getByText('Done in').waitFor();
    expect(await page.locator('.strip img').count()).toBe(17);
    await page.locator('.screen video').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });
});
