/** The real program and a browser beside it, for the tests of one file. */
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from '@playwright/test';
import { afterAll, beforeAll } from 'vitest';
import { launchBrowser, visit, type Visit } from './browser.ts';
import { ROOT, startProgram, temporaryFolder, type Environment, type Program } from './server.ts';

/** The model that the repository ships, instead of the tiny one: what users see. */
export const SHIPPED = { MODEL_DIR: join(ROOT, 'models/cinegraph-small') } as const;

/** There from the first test on, until the last one has ended. */
export interface Studio {
  readonly program: Program;
  readonly browser: Browser;
  readonly url: string;
  /** Opens a path, as {@link visit} does a URL. */
  visit(path: string, options?: BrowserContextOptions, expected?: RegExp | null): Promise<Visit>;
  /** Starts the program anew at the same address, on the data that it left. For tests that have ended it. */
  startAgain(): Promise<void>;
}

/** To be called within `describe`. @param env a function is asked when the program starts, for what only hooks before can know */
export function studioOf(env: Environment | (() => Environment) = {}): Studio {
  let folder: Awaited<ReturnType<typeof temporaryFolder>> | undefined;
  let program: Program | undefined;
  let browser: Browser | undefined;
  const start = async (changes: Environment = {}) => {
    folder ??= await temporaryFolder();
    program = await startProgram({ DATA_DIR: folder.path, ...(typeof env === 'function' ? env() : env), ...changes });
  };
  beforeAll(async () => {
    await start();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await program?.stop();
    await folder?.remove();
  });
  return {
    get program() {
      return running(program);
    },
    get browser() {
      return running(browser);
    },
    get url() {
      return running(program).url;
    },
    visit: (path, options, expected) => visit(running(browser), running(program).url + path, options, expected),
    startAgain: () => start({ PORT: new URL(running(program).url).port }),
  };
}

function running<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Error('the program runs within tests only');
  return thing;
}

/** Drops bytes on the form of Create, as a file of that name and type. */
export async function dropFile(page: Page, bytes: Buffer, name: string, type: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([base64, fileName, fileType]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], fileName, { type: fileType }));
      return data;
    },
    [bytes.toString('base64'), name, type] as const,
  );
  await page.locator('form.composer').dispatchEvent('drop', { dataTransfer: transfer });
}

/** A stroke of the brush across the middle of the clip that is shown. */
export async function paintMask(page: Page): Promise<void> {
  const box = await page.getByTestId('brush').boundingBox();
  if (box === null) throw new Error('no canvas to paint on');
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.3);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + box.height * 0.7, { steps: 5 });
  await page.mouse.up();
}
