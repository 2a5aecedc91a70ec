import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createPerimeter } from '../../../src/server/perimeter.ts';

const request = (headers: Record<string, string>) => ({ headers, socket: { localPort: 4000 } }) as unknown as IncomingMessage;
const local = createPerimeter({ host: '127.0.0.1', publicUrl: undefined, allowedOrigins: ['https://app.example'] });
const proxied = createPerimeter({ host: '127.0.0.1', publicUrl: 'https://cine.example', allowedOrigins: [] });
const open = createPerimeter({ host: '0.0.0.0', publicUrl: undefined, allowedOrigins: [] });

describe('the perimeter', () => {
  it.each([
    ['a program', local, { host: '127.0.0.1:4000' }, true],
    ['IPv6', local, { host: '[::1]:4000' }, true],
    ['its own page', local, { host: 'localhost:4000', origin: 'http://localhost:4000' }, true],
    ['a development server on this machine', local, { host: 'localhost:4000', origin: 'http://localhost:5173' }, true],
    ['a listed origin', local, { host: 'localhost:4000', origin: 'https://app.example' }, true],
    ['a foreign page', local, { host: 'localhost:4000', origin: 'https://evil.example' }, false],
    ['a sandboxed page', local, { host: 'localhost:4000', origin: 'null' }, false],
    ['a name that was bound to this machine (DNS rebinding)', local, { host: 'evil.example:4000', origin: 'http://evil.example:4000' }, false],
    ['a name without an origin', local, { host: 'evil.example' }, false],
    ['an image tag of a foreign page', local, { host: 'localhost:4000', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, false],
    ['a link on a foreign page', local, { host: 'localhost:4000', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, true],
    ['the proxy', proxied, { host: 'cine.example', origin: 'https://cine.example' }, true],
    ['another name behind the proxy', proxied, { host: 'other.example' }, false],
    ['any host when it is public', open, { host: 'box.lan:4000' }, true],
    ['a page on the visitor machine when it is public', open, { host: 'box.lan:4000', origin: 'http://localhost:5173' }, false],
  ])('%s', (_name, perimeter, headers, passes) => {
    expect(perimeter.refusal(request(headers)) === null).toBe(passes);
  });

  it('knows how it is reached', () => {
    expect(local.baseUrl(request({ host: 'localhost:4000' }))).toBe('http://localhost:4000');
    expect(proxied.baseUrl(request({ host: 'localhost:4000' }))).toBe('https://cine.example');
  });
});
