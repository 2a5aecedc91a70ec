import type { Browser } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient } from '../../src/client/index.ts';
import { hasChromium, launchBrowser, visit } from '../support/browser.ts';
import { startProgram, temporaryFolder, type Program } from '../support/server.ts';

describe.skipIf(!hasChromium)('GraphiQL in a browser', () => {
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

  it('opens with an example, and fetches nothing from others', async () => {
    const { page, faults } = await visit(browser, `${program.url}/graphiql`);
    await page.locator('.graphiql-query-editor').getByText('MakeClip').first().waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('follows a subscription over a WebSocket', async () => {
    const job = await createCinegraphClient({ url: program.url }).textToVideo({ prompt: 'a red ball' });
    const query = `subscription { jobEvents(jobId: "${job.id}") { __typename seq } }`;
    const { page, faults } = await visit(browser, `${program.url}/graphiql?query=${encodeURIComponent(query)}`);
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await page.locator('.graphiql-query-editor').getByText('jobEvents').first().waitFor();
    await page.locator('.graphiql-execute-button').click();
    await page.locator('.graphiql-response').getByText('JobFinished').first().waitFor();
    expect(sockets).toEqual([`${program.url.replace('http', 'ws')}/graphql`]);
    expect(faults).toEqual([]);
    await page.close();
  });
});
