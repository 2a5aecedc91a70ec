import { describe, expect, it } from 'vitest';
import type { PrefixCache } from '../../../../src/inference/core/cache-view.ts';
import type { Output } from '../../../../src/inference/core/output.ts';
import { Sequence, type SequenceInput } from '../../../../src/inference/core/sequence.ts';
import { PrefixStore } from '../../../../src/inference/kv-cache/prefix-store.ts';
import { PLAIN } from '../../../support/inference.ts';
import { OUTPUT, prefixOf } from '../../../support/outputs.ts';

interface Changes extends Partial<Omit<SequenceInput, 'output'>> {
  readonly kind?: Output['kind'];
  readonly forced?: Int32Array;
  readonly condition?: Int32Array;
}

function sequence({ kind = 'video', forced, condition, ...changes }: Changes = {}): Sequence {
  const output = { ...OUTPUT, kind, forced, condition };
  return new Sequence({ requestId: 'r', candidate: 0, seed: 1, output, sampling: PLAIN, prefixes: [prefixOf(1, 2), prefixOf(1)], ...changes });
}

/** 16 bytes. */
function row(value: number): PrefixCache {
  return { length: 2, keys: [Float32Array.of(value, value)], values: [Float32Array.of(value, value)] };
}

describe('prefix store', () => {
  it('gives a prefix to whoever has the same row ids, and counts', () => {
    const store = new PrefixStore(1000, true);
    expect(store.prefix(sequence(), 0)).toBeUndefined();
    store.keepPrefix(sequence(), 0, row(1));
    expect(store.prefix(sequence({ requestId: 'other', seed: 9 }), 0)).toEqual(row(1));
    expect(store.prefix(sequence(), 1)).toBeUndefined();
    expect(store.counts).toEqual({ hits: 1, misses: 2 });
  });

  it('never holds more than it may, and forgets the least recently used', () => {
    const store = new PrefixStore(40, true);
    const [a, b, c] = [1, 2, 3].map((id) => sequence({ prefixes: [prefixOf(id)] })) as [Sequence, Sequence, Sequence];
    store.keepPrefix(a, 0, row(1));
    store.keepPrefix(b, 0, row(2));
    store.prefix(a, 0);
    store.keepPrefix(c, 0, row(3));
    store.checkIntegrity();
    expect([store.size, store.bytes]).toEqual([2, 32]);
    expect([a, b, c].map((each) => store.prefix(each, 0) !== undefined)).toEqual([true, false, true]);
    store.keepPrefix(b, 0, { length: 9, keys: [new Float32Array(100)], values: [] });
    expect(store.prefix(b, 0)).toBeUndefined();
  });

  it('a lead is there when all its rows are', () => {
    const store = new PrefixStore(1000, true);
    const given = sequence({ forced: Int32Array.of(5, 6, -1, -1) });
    expect([given.lead, store.lead(given)]).toEqual([2, undefined]);
    store.keepLead(given, [row(1), row(2)]);
    expect(store.lead(given)).toEqual([row(1), row(2)]);
    expect(store.lead(sequence())).toBeUndefined();
  });

  it.each([
    ['codes', { forced: Int32Array.of(5, 7) }],
    ['length', { forced: Int32Array.of(5, 6, 7) }],
    ['condition', { forced: Int32Array.of(5, 6), condition: Int32Array.of(1, 1, 1, 1) }],
    ['prefix', { forced: Int32Array.of(5, 6), prefixes: [prefixOf(1, 3), prefixOf(1)] }],
    ['kind', { forced: Int32Array.of(5, 6), kind: 'audio' as const }],
  ])('another %s is another lead', (_, changes) => {
    const store = new PrefixStore(1000, true);
    expect(store.sameLead(sequence({ forced: Int32Array.of(5, 6) }), sequence(changes))).toBe(false);
    expect(store.sameLead(sequence(changes), sequence(changes))).toBe(true);
  });

  it('steps of another kind count where bits depend on them', () => {
    const same = (batchInvariant: boolean, left: Changes, right: Changes): boolean => {
      const forced = Int32Array.of(5, 6);
      return new PrefixStore(1000, batchInvariant).sameLead(sequence({ forced, ...left }), sequence({ forced, ...right }));
    };
    const ordinary = { sampling: { ...PLAIN, deterministic: false } };
    expect([same(true, {}, {}), same(false, {}, {}), same(false, ordinary, ordinary)]).toEqual([true, true, true]);
    expect([same(true, {}, ordinary), same(false, {}, ordinary)]).toEqual([false, false]);
  });
});
