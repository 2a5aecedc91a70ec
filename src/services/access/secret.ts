import { createHash, randomBytes } from 'node:crypto';

/** `cg_` and 32 random bytes: found by secret scanners, and no dictionary or GPU will guess one. */
const SECRET = /^cg_[\w-]{43}$/;
const PREFIX_LENGTH = 9;

export interface Secret {
  readonly text: string;
  readonly prefix: string;
  readonly sha256: string;
}

export function makeSecret(): Secret {
  const text = `cg_${randomBytes(32).toString('base64url')}`;
  return { text, prefix: text.slice(0, PREFIX_LENGTH), sha256: digest(text) };
}

export function looksLikeSecret(text: string): boolean {
  return SECRET.test(text);
}

export function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
