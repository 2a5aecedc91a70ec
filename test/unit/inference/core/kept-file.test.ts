import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { keep, listKept, readKept } from '../../../../src/inference/core/kept-file.ts';

const schema = z.object({ fast: z.boolean() });
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'cinegraph-kept-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a finding that is kept', () => {
  it('is there at the next start, in a folder that is made for it, and nothing else is', async () => {
    const kept = { file: path.join(folder, 'new/speed.json'), holdsFor: 'this machine' };
    expect(await readKept(kept, schema)).toBeUndefined();
    expect(await keep(kept, { fast: true })).toBe(true);
    expect(await readKept(kept, schema)).toEqual({ fast: true });
    expect(await readdir(path.join(folder, 'new'))).toEqual(['speed.json']);
    expect(await readKept({ ...kept, holdsFor: 'another machine' }, schema)).toBeUndefined();
  });

  it.each([
    ['cut off', '{"holdsFor": "this machine", "fast": tr'],
    ['empty', ''],
    ['not an object', '"this machine"'],
    ['of another form', JSON.stringify({ holdsFor: 'this machine', fast: 'yes' })],
    ['without what it holds for', JSON.stringify({ fast: true })],
  ])('is none where the file is %s, and is written anew', async (_, content) => {
    const kept = { file: path.join(folder, 'old.json'), holdsFor: 'this machine' };
    await writeFile(kept.file, content);
    expect(await readKept(kept, schema)).toBeUndefined();
    expect(await keep(kept, { fast: false })).toBe(true);
    expect(await readKept(kept, schema)).toEqual({ fast: false });
  });

  it('is not kept where the folder cannot be written to', async () => {
    await writeFile(path.join(folder, 'a-file'), '');
    expect(await keep({ file: path.join(folder, 'a-file/speed.json'), holdsFor: 'this machine' }, { fast: true })).toBe(false);
  });

  it('is told with all others, and so is damage', async () => {
    const all = path.join(folder, 'all');
    await keep({ file: path.join(all, 'speed.json'), holdsFor: 'this machine' }, { fast: true });
    await writeFile(path.join(all, 'broken.json'), (await readFile(path.join(all, 'speed.json'), 'utf8')).slice(0, -9));
    await writeFile(path.join(all, 'speed.json.123'), 'a draft');
    expect(await listKept(all)).toEqual([{ name: 'broken.json', found: undefined }, { name: 'speed.json', found: { fast: true } }]);
    expect(await listKept(path.join(folder, 'nowhere'))).toEqual([]);
  });
});
