import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unknownWords } from '../../../../src/inference/tokenizers/known-words.ts';
import { normalizeText, TextTokenizer } from '../../../../src/inference/tokenizers/text-tokenizer.ts';
import { TINY_BUNDLE } from '../../../support/inference.ts';

const file = readFileSync(`${TINY_BUNDLE}/text-tokenizer.json`, 'utf8');
const tokenizer = TextTokenizer.parse(file);

describe('text tokenizer', () => {
  it('gives back any text, normalised', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(normalizeText(text).toWellFormed());
      }),
    );
  });

  it('refuses a vocabulary that its merges do not make', () => {
    const parsed = JSON.parse(file) as { vocab: string[] };
    parsed.vocab[300] = 'ffff';
    expect(() => TextTokenizer.parse(JSON.stringify(parsed))).toThrow(expect.objectContaining({ code: 'BUNDLE_CORRUPT', message: expect.stringContaining('merge 44') as string }));
  });

  it.each(['', '{}', '[1'])('refuses the file content %j', (content) => {
    expect(() => TextTokenizer.parse(content)).toThrow(expect.objectContaining({ code: 'BUNDLE_CORRUPT' }));
  });
});

describe('unknown words', () => {
  const known = new Set(['a', 'polar', 'bear']);

  it('are named once each, in order, lower case', () => {
    expect(unknownWords('A Griffin, a polar bear; a GRIFFIN on Jupiter!', known)).toEqual(['griffin', 'on', 'jupiter']);
  });

  it('include words of other scripts whole', () => {
    expect(unknownWords('a bär 熊', known)).toEqual(['bär', '熊']);
  });
});
