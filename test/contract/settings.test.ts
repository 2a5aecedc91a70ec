/** Environment variables: what is documented exists, and what exists is read. docs/CONFIG.md itself is written from the table (schema.test.ts), and the linter keeps process.env to config.ts. */
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VARIABLES } from '../../src/config.ts';
import { ERRORS } from '../../src/errors.ts';
import { ROOT } from '../support/server.ts';

/** Of other programs. */
const FOREIGN = new Set(['MALLOC_ARENA_MAX', 'LD_LIBRARY_PATH', 'NVIDIA_VISIBLE_DEVICES', 'CUDA_VISIBLE_DEVICES', 'VK_ICD_FILENAMES', 'MESA_VK_DEVICE_SELECT', 'ONNXRUNTIME_NODE_INSTALL', 'POSTGRES_PASSWORD', 'NODE_COMPILE_CACHE', 'NODE_DISABLE_COMPILE_CACHE']);
/** Names like variables that are none: codes of Apollo Server, a camera move. */
const CODES = /^(GRAPHQL_|BAD_|PAN_)/;

it('every variable of the table is read', async () => {
  const source = await readFile(join(ROOT, 'src/config.ts'), 'utf8');
  const names = Object.keys(VARIABLES);
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((name) => !source.includes(`('${name}', env)`))).toEqual([]);
});

it('every variable that a document names is in the table', async () => {
  const schema = (await Promise.all((await Array.fromAsync(glob('schema/*.graphql', { cwd: ROOT }))).map((file) => readFile(join(ROOT, file), 'utf8')))).join('\n');
  const unknown: string[] = [];
  let named = 0;
  for (const file of ['README.md', ...(await Array.fromAsync(glob('docs/*.md', { cwd: ROOT }))), ...(await Array.fromAsync(glob('deploy/**/*', { cwd: ROOT })))]) {
    const text = await readFile(join(ROOT, file), 'utf8').catch(() => '');
    // `NAME`, `NAME=value`, and what a shell or an env file sets.
    for (const [, name = ''] of text.matchAll(/(?:^|[\s`])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?=[=`])/gm)) {
      named += 1;
      if (!(name in VARIABLES) && !(name in ERRORS) && !FOREIGN.has(name) && !CODES.test(name) && !schema.includes(name)) unknown.push(`${file}: ${name}`);
    }
  }
  expect(named).toBeGreaterThan(100);
  expect(unknown).toEqual([]);
});
