/** A reader copies the prompts of the documents: the shipped model knows every word of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../support/server.ts';

const PROMPT = /(?:\bprompt: |\bstory: |generate -- )["']([^"'\\]+)/g;
const words = (text: string): string[] => text.toLowerCase().split(/[^a-z]+/).filter((word) => word !== '');

it.each(['README.md', 'docs/API.md', 'src/client/README.md'])('%s', async (file) => {
  const { knownWords } = JSON.parse(await readFile(join(ROOT, 'models/cinegraph-small/manifest.json'), 'utf8')) as { readonly knownWords: readonly string[] };
  // An example for the shell escapes its quotes.
  const text = (await readFile(join(ROOT, file), 'utf8')).replaceAll('\\"', '"');
  const prompts = [...text.matchAll(PROMPT)].map(([, prompt = '']) => prompt);
  expect(prompts.length).toBeGreaterThan(1);
  expect(prompts.flatMap((prompt) => words(prompt).filter((word) => !knownWords.includes(word)).map((word) => `"${prompt}": ${word}`))).toEqual([]);
});
