import type { Page, Route } from '@playwright/test';

export interface Held {
  release(): void;
}

/** Keeps a page's requests for a GraphQL operation back until they are released: a line so slow that everybody is faster than it. */
export function holdRequests(page: Page, operation: string): Promise<Held> {
  return onRequests(page, operation, async (route, released) => {
    await released;
    await route.continue();
  });
}

/** Lets a page's requests for a GraphQL operation fail, until released. */
export function failRequests(page: Page, operation: string): Promise<Held> {
  return onRequests(page, operation, (route) => route.abort());
}

async function onRequests(page: Page, operation: string, handle: (route: Route, released: Promise<void>) => Promise<void>): Promise<Held> {
  const released = Promise.withResolvers<void>();
  const named = new RegExp(`^\\s*(?:query|mutation) ${operation}\\b`);
  let holding = true;
  await page.route('**/graphql', (route) => {
    const { query } = route.request().postDataJSON() as { readonly query: string };
    return holding && named.test(query) ? handle(route, released.promise) : route.fallback();
  });
  return {
    release() {
      holding = false;
      released.resolve();
    },
  };
}
