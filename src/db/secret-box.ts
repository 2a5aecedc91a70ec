import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

const SECRETS_KEY_BYTES = 32;
const KEY_FILE = 'secrets.key';
const SEALED = 'v1.';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What has to be known again, and is worth nothing to who reads the database alone. */
export interface SecretBox {
  /** @param context what it belongs to, an id for example: it opens nowhere else */
  seal(secret: string, context: string): string;
  /** Throws when it was sealed with another key or for another context. */
  open(sealed: string, context: string): string;
}

/** AES-256-GCM; a sealed text is `v1.` and, in base64url, nonce, tag and what was encrypted. */
export function createSecretBox(key: Buffer): SecretBox {
  return {
    seal(secret, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
      const encrypted = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return SEALED + Buffer.concat([nonce, cipher.getAuthTag(), encrypted]).toString('base64url');
    },
    open(sealed, context) {
      if (!sealed.startsWith(SEALED)) throw new Error('this text is not sealed');
      const bytes = Buffer.from(sealed.slice(SEALED.length), 'base64url');
      const [nonce, tag] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context)).setAuthTag(tag);
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
    },
  };
}

/** The key that is configured, else the one in the data folder, which the first start draws. Beside the database, not in it: a copy of the one opens nothing. */
export async function secretsKey(dataDir: string, configured: Buffer | undefined): Promise<Buffer> {
  if (configured !== undefined) return configured;
  const file = path.join(dataDir, KEY_FILE);
  await mkdir(dataDir, { recursive: true });
  const there = await readKey(file);
  if (there !== null) return there;
  const drawn = `${file}.${randomUUID()}`;
  await writeFile(drawn, `${randomBytes(SECRETS_KEY_BYTES).toString('base64')}\n`, { mode: 0o600 });
  // Whoever is first gives it its name, whole; everybody reads what has that name then.
  await link(drawn, file).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  await rm(drawn);
  const key = await readKey(file);
  if (key === null) throw new Error(`${file} is gone`);
  return key;
}

async function readKey(file: string): Promise<Buffer | null> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const key = Buffer.from(text, 'base64');
  if (key.byteLength !== SECRETS_KEY_BYTES) throw new Error(`${file} holds no key of ${SECRETS_KEY_BYTES} bytes`);
  return key;
}
