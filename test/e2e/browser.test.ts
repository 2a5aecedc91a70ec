import { chromium, type Browser, type Page } from '@playwright/test';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCinegraphClient } from '../../src/client/index.ts';
import { startProgram, temporaryFolder, type Program } from '../support/server.ts';

const CHROMIUM = '/usr/bin/chromium';

/** Needs Debian's chromium: nothing is downloaded for it. */
describe.skipIf(!existsSync(CHROMIUM))('in a browser', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let program: Program;
  let browser: Browser;
  beforeAll(async () => {
    folder = await temporaryFolder();
    program = await startProgram({ DATA_DIR: folder.path });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await program?.stop();
    await folder?.remove();
  });

  /** A page that collects what must not happen: requests to others, errors, violations of the content security policy. */
  async function open(path: string): Promise<{ readonly page: Page; readonly faults: string[] }> {
    const page = await browser.newPage();
    page.setDefaultTimeout(60_000);
    const faults: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(program.url) && !/^(?:data|blob):/.test(request.url())) faults.push(`request to ${request.url()}`);
    });
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    await page.goto(program.url + path);
    return { page, faults };
  }

  it('the landing page shows frames as they come, then the clip', async () => {
    const { page, faults } = await open('/');
    // Notes, at every change of the film strip, how many frames are there and which part of the tokens is done.
    await page.evaluate(`window.growth = []; new MutationObserver(() => growth.push([document.querySelectorAll('#strip img').length, document.getElementById('bar').value]))
      .observe(document.getElementById('strip'), { childList: true, subtree: true })`);
    await page.getByLabel('Prompt').fill('a fox bounces on a red background');
    await page.getByLabel('Prompt').press('Enter');
    await page.locator('#strip img').first().waitFor();
    await page.locator('#video:not([hidden])').waitFor();
    expect(await page.locator('#strip img').count()).toBe(await page.locator('#strip li').count());
    expect(await page.evaluate("document.querySelector('#video').videoWidth")).toBeGreaterThan(0);
    await page.getByText('Done.').waitFor();
    const growth: [count: number, done: number][] = await page.evaluate('growth');
    expect(growth.filter(([count, done]) => count > 0 && done < 1).length).toBeGreaterThanOrEqual(3);
    await page.locator('#library li').first().waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('the landing page says in words what was wrong', async () => {
    const { page, faults } = await open('/');
    await page.getByLabel('Prompt').fill('   ');
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByRole('alert').getByText('prompt is empty').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('GraphiQL opens with an example, and fetches nothing from others', async () => {
    const { page, faults } = await open('/graphiql');
    await page.locator('.graphiql-query-editor').getByText('MakeClip').first().waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('GraphiQL follows a subscription over a WebSocket', async () => {
    const job = await createCinegraphClient({ url: program.url }).textToVideo({ prompt: 'a red ball' });
    const query = `subscription { jobEvents(jobId: "${job.id}") { __typename seq } }`;
    const { page, faults } = await open(`/graphiql?query=${encodeURIComponent(query)}`);
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
