import { describe, expect, it } from 'vitest';
import { createCinegraphClient } from '../../src/client/index.ts';
import { hasChromium } from '../support/browser.ts';
import { studioOf } from '../support/studio.ts';

describe.skipIf(!hasChromium)('GraphiQL in a browser', () => {
  const studio = studioOf();

  it('opens with an example, and fetches nothing from others', async () => {
    const { page, faults } = await studio.visit('/graphiql');
    await page.locator('.graphiql-query-editor').getByText('MakeClip').first().waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('follows a subscription over a WebSocket', async () => {
    const job = await createCinegraphClient({ url: studio.url }).textToVideo({ prompt: 'a red ball' });
    const query = `subscription { jobEvents(jobId: "${job.id}") { __typename seq } }`;
    const { page, faults } = await studio.visit(`/graphiql?query=${encodeURIComponent(query)}`);
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await page.locator('.graphiql-query-editor').getByText('jobEvents').first().waitFor();
    await page.locator('.graphiql-execute-button').click();
    await page.locator('.graphiql-response').getByText('JobFinished').first().waitFor();
    expect(sockets).toEqual([`${studio.url.replace('http', 'ws')}/graphql`]);
    expect(faults).toEqual([]);
    await page.close();
  });
});
