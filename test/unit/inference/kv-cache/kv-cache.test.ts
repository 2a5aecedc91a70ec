import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvCache } from '../../../../src/inference/kv-cache/kv-cache.ts';
import type { Side } from '../../../../src/inference/kv-cache/slot-table.ts';

const SHAPE = { slots: 8, layers: 2, kvHeads: 2, maxLength: 4, headDim: 3 };

interface Owner {
  readonly name: number;
  readonly rows: number;
}

function makeOwner(name: number, rows: number): Owner {
  return { name, rows };
}

/** Fills an owner's slots with values that only it has. */
function sign(cache: KvCache<Owner>, owner: Owner): void {
  const view = cache.view(cache.table.firstSlot(owner) as number, owner.rows);
  [...view.keys, ...view.values].forEach((layer, l) => layer.forEach((_, i) => (layer[i] = owner.name * 10_000 + l * 1_000 + i)));
}

function isSigned(cache: KvCache<Owner>, owner: Owner): boolean {
  const view = cache.view(cache.table.firstSlot(owner) as number, owner.rows);
  return [...view.keys, ...view.values].every((layer, l) => layer.every((value, i) => value === owner.name * 10_000 + l * 1_000 + i));
}

const command = fc.oneof(
  fc.record({ type: fc.constant('claim' as const), rows: fc.integer({ min: 1, max: 3 }), side: fc.constantFrom<Side>('shared', 'private') }),
  fc.record({ type: fc.constant('release' as const), pick: fc.nat() }),
);

describe('key-value cache', () => {
  it('keeps every owner contents through any order of claims and releases, and wastes no slot', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const cache = new KvCache<Owner>(SHAPE);
        const live: Owner[] = [];
        commands.forEach((step, name) => {
          if (step.type === 'claim') {
            const owner = makeOwner(name + 1, step.rows);
            const used = live.reduce((sum, { rows }) => sum + rows, 0);
            expect(cache.claim(owner, step.rows, step.side)).toBe(used + step.rows <= SHAPE.slots);
            if (used + step.rows <= SHAPE.slots) {
              live.push(owner);
              sign(cache, owner);
            }
          } else if (live.length > 0) {
            cache.release(live.splice(step.pick % live.length, 1)[0] as Owner);
          }
          cache.checkIntegrity();
          expect(live.filter((owner) => !isSigned(cache, owner))).toEqual([]);
        });
        live.forEach((owner) => cache.release(owner));
        expect(cache.table.free).toBe(SHAPE.slots);
      }),
    );
  });

  it('lays the shared owners from slot 0 on, without a gap', () => {
    const cache = new KvCache<Owner>(SHAPE);
    const owners = [2, 1, 2].map((rows, name) => makeOwner(name, rows));
    owners.forEach((owner) => cache.claim(owner, owner.rows, 'shared'));
    cache.claim(makeOwner(9, 2), 2, 'private');
    cache.release(owners[1] as Owner);
    expect(cache.table.owners('shared').map((owner) => cache.table.firstSlot(owner))).toEqual([0, 2]);
    expect(cache.table.free).toBe(2);
  });

  it('does not give slots twice to one owner, and ignores strangers', () => {
    const cache = new KvCache<Owner>(SHAPE);
    const owner = makeOwner(1, 1);
    expect(cache.claim(owner, 1, 'shared')).toBe(true);
    expect(cache.claim(owner, 1, 'private')).toBe(false);
    cache.release(makeOwner(2, 1));
    expect(cache.table.free).toBe(7);
  });

  it('writes a prefix head by head to the start of its slot', () => {
    const cache = new KvCache<Owner>(SHAPE);
    const prefix = () => [0, 1].map((layer) => Float32Array.from({ length: 2 * 2 * 3 }, (_, i) => 100 * layer + i + 1));
    cache.write(3, { length: 2, keys: prefix(), values: prefix() });
    const { keys } = cache.view(3, 1);
    expect([...(keys[1] as Float32Array)]).toEqual([101, 102, 103, 104, 105, 106, 0, 0, 0, 0, 0, 0, 107, 108, 109, 110, 111, 112, 0, 0, 0, 0, 0, 0]);
    expect(cache.view(2, 1).keys[1]?.some((value) => value !== 0)).toBe(false);
  });

  it('keeps entries in steps of their scale where it is told scales, and reads back the same steps', () => {
    const scales = [[0.5, 2], [1, 4]] as const;
    const cache = new KvCache<Owner>({ ...SHAPE, scales });
    const entries = [0, 0.74, -0.76, 63.6, 1000, -1000];
    const layers = () => [0, 1].map(() => Float32Array.from(entries));
    cache.write(1, { length: 1, keys: layers(), values: layers() });
    const copy = cache.read(1, 1);
    expect([...(copy.keys[0] as Float32Array)]).toEqual([0, 0.5, -1, 63.5, 63.5, -64]);
    expect([...(copy.values[1] as Float32Array)]).toEqual([0, 0, 0, 64, 508, -512]);
    expect([...(cache.view(1, 1).keys[0] as Int8Array)].filter((step) => step !== 0)).toEqual([1, -2, 127, 127, -128]);
    cache.write(2, copy);
    expect(cache.view(2, 1).keys).toEqual(cache.view(1, 1).keys);
    expect(cache.bytes).toBe(new KvCache<Owner>(SHAPE).bytes / 4);
  });

  it('reads back what was written, from one slot into another', () => {
    const cache = new KvCache<Owner>(SHAPE);
    const owner = makeOwner(1, 1);
    cache.claim(owner, 1, 'shared');
    sign(cache, owner);
    const copy = cache.read(0, 3);
    expect(copy.keys[0]).toHaveLength(2 * 3 * 3);
    cache.write(5, copy);
    expect(cache.read(5, 3)).toEqual(copy);
    // A copy, not a view.
    cache.view(0, 1).keys[0]?.fill(0);
    expect(cache.read(5, 3)).toEqual(copy);
    expect(copy.keys[0]?.some((value) => value === 0)).toBe(false);
  });
});
