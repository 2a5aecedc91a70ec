import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createSecretBox, secretsKey } from '../../../src/db/secret-box.ts';
import { temporaryFolder } from '../../support/server.ts';

const box = createSecretBox(randomBytes(32));

it('opens what it has sealed, for the same thing, with the same key', () => {
  const sealed = box.seal('whsec_füchse', 'a');
  expect(box.open(sealed, 'a')).toBe('whsec_füchse');
  expect(box.seal('whsec_füchse', 'a'), 'the same secret never looks the same').not.toBe(sealed);
  expect(() => box.open(sealed, 'b')).toThrow('authenticate');
  expect(() => createSecretBox(randomBytes(32)).open(sealed, 'a')).toThrow('authenticate');
  expect(() => box.open(`${sealed.slice(0, -4)}AAAA`, 'a')).toThrow('authenticate');
  expect(() => box.open('whsec_plain', 'a')).toThrow('not sealed');
});

it('has one key for all who start at once, which only this user may read', async () => {
  const folder = await temporaryFolder();
  const keys = await Promise.all([1, 2, 3, 4].map(() => secretsKey(join(folder.path, 'data'), undefined)));
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
  expect(keys[0]?.byteLength).toBe(32);
  expect((await stat(join(folder.path, 'data/secrets.key'))).mode & 0o777).toBe(0o600);
  const given = randomBytes(32);
  expect(await secretsKey('/nowhere', given)).toBe(given);
  await folder.remove();
});
