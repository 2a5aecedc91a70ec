import type { Page } from '@playwright/test';
import { beforeAll, describe, expect, it } from 'vitest';
import { axeViolations, hasChromium } from '../../support/browser.ts';
import { newKey, revokeKey, type NewKey } from '../../support/keys.ts';
import { studioOf } from '../../support/studio.ts';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts';

/** What the browser itself writes about an answer of 401, or a socket that is refused. */
const REFUSED = /401|WebSocket/;

describe.skipIf(!hasChromium)('the Studio of a server that wants a key', () => {
  let database: TestDatabase;
  let key: NewKey;
  beforeAll(async () => {
    database = await createTestDatabase();
    return () => database.close();
  });
  const studio = studioOf(() => ({ DATABASE_URL: database.url, AUTH: 'required' }));
  beforeAll(async () => {
    key = await newKey(database.url, 'ada');
  });

  const dialogOn = (page: Page) => page.getByRole('dialog', { name: 'This server asks for a key' });
  const give = async (page: Page, secret: string) => {
    await dialogOn(page).getByLabel('API key').fill(secret);
    await dialogOn(page).getByRole('button', { name: 'Use this key' }).click();
  };

  it('asks for it, says when it is wrong, makes a clip with it, and forgets it with the page', async () => {
    const { page, faults } = await studio.visit('/', {}, REFUSED);
    await dialogOn(page).getByText('npm run keys').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await give(page, 'cg_nonsense');
    await dialogOn(page).getByRole('alert').getByText('revoked').waitFor();
    await give(page, key.secret);
    await dialogOn(page).waitFor({ state: 'detached' });
    await page.getByLabel('Prompt').fill('a fox bounces');
    await page.getByLabel('Prompt').press('Enter');
    await page.getByRole('status').getByText('Done in').waitFor();
    expect(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')).not.toContain(key.secret);
    await page.reload();
    // What the address names could not be read before.
    await give(page, key.secret);
    await page.getByRole('status').getByText('Done in').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it('keeps it for the tab when told to, until it is revoked', async () => {
    const { page, faults } = await studio.visit('/system', {}, REFUSED);
    await dialogOn(page).getByLabel('Keep it until this tab is closed').check();
    await give(page, key.secret);
    await page.getByText('kept until this tab is closed').waitFor();
    await page.reload();
    await page.getByText('kept until this tab is closed').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    expect(await page.evaluate('JSON.stringify({ ...localStorage })')).not.toContain(key.secret);
    await page.getByRole('button', { name: 'Use another key' }).click();
    const other = page.getByRole('dialog', { name: 'Use a key' });
    await other.getByLabel('API key').fill('cg_nonsense');
    await other.getByLabel('Keep it until this tab is closed').check();
    await other.getByRole('button', { name: 'Use this key' }).click();
    await dialogOn(page).getByText('does not take the one that was sent').waitFor();
    await other.waitFor({ state: 'detached' });
    await dialogOn(page).getByLabel('Keep it until this tab is closed').check();
    await give(page, key.secret);
    await page.getByText('kept until this tab is closed').waitFor();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await revokeKey(database.url, key.id);
    await dialogOn(page).getByText('does not take the one that was sent').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });
});
