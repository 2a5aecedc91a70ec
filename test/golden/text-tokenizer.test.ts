import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { normalizeText, TextTokenizer } from '../../src/inference/tokenizers/text-tokenizer.ts';
import { TINY_BUNDLE } from '../support/inference.ts';
import { tokenizerCases } from '../support/inference-golden.ts';

const tokenizer = TextTokenizer.parse(readFileSync(`${TINY_BUNDLE}/text-tokenizer.json`, 'utf8'));

describe('the text tokenizer and its Python twin', () => {
  it.each(tokenizerCases())('agree on $text', ({ text, normalised, ids }) => {
    expect(normalizeText(text)).toBe(normalised);
    expect(tokenizer.encode(text)).toEqual(ids);
  });

  it.each(tokenizerCases())('give back $text', ({ ids, normalised }) => {
    expect(tokenizer.decode(ids)).toBe(normalised);
  });
});
