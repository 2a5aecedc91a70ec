import type { Response } from 'express';

/** What every page of ours answers with. The page is asked for again each time it is opened: it is small, and it may have changed. */
export function setPageHeaders(response: Response, policy: string): void {
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cache-Control', 'no-cache');
}
