import type { Browser, CDPSession } from '@playwright/test';

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A page that only obeys. Playwright's own pages tell it of every request, six messages for each picture, which costs the browser and the
 * bench's process more than the picture does; nothing is told of this one, as in a browser that nobody watches.
 */
export class BarePage implements AsyncDisposable {
  readonly #browser: CDPSession;
  readonly #context: string;
  readonly #session: string;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  private constructor(browser: CDPSession, context: string, session: string) {
    this.#browser = browser;
    this.#context = context;
    this.#session = session;
    browser.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId === session) this.#receive(JSON.parse(message) as Answer);
    });
    browser.on('close', () => this.#fail('The browser is gone.'));
  }

  /** In a context of its own, of which Playwright knows nothing. Width and height in CSS pixels. */
  static async open(browser: Browser, width: number, height: number): Promise<BarePage> {
    const root = await browser.newBrowserCDPSession();
    const { browserContextId } = await root.send('Target.createBrowserContext');
    const { targetId } = await root.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await root.send('Target.attachToTarget', { targetId, flatten: false });
    const page = new BarePage(root, browserContextId, sessionId);
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    return page;
  }

  async send(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = (this.#last += 1);
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    await this.#browser.send('Target.sendMessageToTarget', { sessionId: this.#session, message: JSON.stringify({ id, method, params }) });
    return answer;
  }

  /** What the expression is, or its promise becomes: JSON. Throws what the page throws. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })) as { readonly result: { readonly value: T; readonly description?: string }; readonly exceptionDetails?: unknown };
    if (exceptionDetails !== undefined) throw new Error(result.description);
    return result.value;
  }

  /** Until something in the new page matches the selector. */
  async goto(url: string, selector: string): Promise<void> {
    const { errorText } = (await this.send('Page.navigate', { url })) as { readonly errorText?: string };
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
    await this.evaluate(`new Promise((resolve) => (function look() {
      if (document.querySelector(${JSON.stringify(selector)}) === null) setTimeout(look, 50);
      else resolve();
    })())`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.send('Target.disposeBrowserContext', { browserContextId: this.#context });
    this.#fail('The page is closed.');
    await this.#browser.detach();
  }

  #receive({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id ?? 0);
    this.#waiting.delete(id ?? 0);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }

  #fail(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}
