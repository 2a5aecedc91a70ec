/** Debian's Chromium, and pages that collect what must not happen. Nothing is downloaded for it. */
import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Browser, type BrowserContextOptions, type Page } from '@playwright/test';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const CHROMIUM = '/usr/bin/chromium';
export const hasChromium = existsSync(CHROMIUM);
const WAIT_MS = 90_000;

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'] });
}

export interface Visit {
  readonly page: Page;
  /** Requests to others, errors of the page, violations of the content security policy. */
  readonly faults: readonly string[];
}

/** @param expected errors that the test provokes, for example of a connection that is cut */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}, expected: RegExp | null = null): Promise<Visit> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  page.setDefaultTimeout(WAIT_MS);
  const faults: string[] = [];
  const note = (text: string) => {
    if (expected?.test(text) !== true) faults.push(text);
  };
  const { origin } = new URL(url);
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !/^(?:data|blob):/.test(request.url())) note(`request to ${request.url()}`);
  });
  page.on('pageerror', (error) => note(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') note(message.text());
  });
  await page.goto(url);
  return { page, faults };
}

/** Waits until an expression is true in the page. Playwright's waitForFunction needs eval, which the page's policy forbids. */
export async function until(page: Page, expression: string): Promise<void> {
  const end = Date.now() + WAIT_MS;
  while (!(await page.evaluate(`Boolean(${expression})`))) {
    if (Date.now() > end) throw new Error(`never true: ${expression}`);
    await sleep(50);
  }
}

/** What axe finds on the page as it is, one line each. */
export async function axeViolations(page: Page): Promise<string[]> {
  // Colours on their way to others are not those that people read.
  await page.evaluate('Promise.allSettled(document.getAnimations().map(({ finished }) => finished))');
  // The page's policy forbids what axe uses in frames, and there are none.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}: ${node.failureSummary ?? ''}`));
}
