import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceRows, PrefixCache } from '../../../../src/inference/core/cache-view.ts';
import { DeviceKvCache } from '../../../../src/inference/kv-cache/device-kv-cache.ts';

const SHAPE = { slots: 7, layers: 1, kvHeads: 1, maxLength: 4, headDim: 2 };

/** Rows in an array, as a device has them in its own memory. */
class ArrayRows implements DeviceRows {
  readonly rows = new Map<number, PrefixCache>();
  closed = false;

  write(place: number, prefix: PrefixCache): void {
    this.rows.set(place, prefix);
  }

  async read(place: number): Promise<PrefixCache> {
    const row = this.rows.get(place);
    if (row === undefined) throw new Error(`row ${place} is empty`);
    return row;
  }

  clear(place: number): void {
    if (!this.rows.delete(place)) throw new Error(`row ${place} was cleared twice`);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function row(value: number): PrefixCache {
  return { length: 1, keys: [Float32Array.of(value, 0)], values: [Float32Array.of(0, value)] };
}

describe('the cache in a device', () => {
  it('keeps what every owner has, whoever comes and goes', async () => {
    const move = fc.record({ owner: fc.nat(5), rows: fc.integer({ min: 1, max: 3 }), side: fc.constantFrom('shared' as const, 'private' as const), leaves: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 30 }), async (moves) => {
        const device = new ArrayRows();
        const cache = new DeviceKvCache<number>(SHAPE, device);
        const owned = new Map<number, number>();
        for (const { owner, rows, side, leaves } of moves) {
          if (leaves) {
            cache.release(owner);
            owned.delete(owner);
          } else if (cache.claim(owner, rows, side)) {
            owned.set(owner, rows);
            for (let i = 0; i < rows; i += 1) cache.write((cache.table.firstSlot(owner) as number) + i, row(10 * owner + i));
          }
          cache.checkIntegrity();
          expect(device.rows.size).toBe([...owned.values()].reduce((sum, count) => sum + count, 0));
          for (const [other, count] of owned) {
            const first = cache.table.firstSlot(other) as number;
            const found = await Promise.all(Array.from({ length: count }, async (_, i) => (await cache.read(first + i, 1)).keys[0]?.[0]));
            expect(found).toEqual(Array.from({ length: count }, (_, i) => 10 * other + i));
            expect(cache.view(first, count).places.map((place) => device.rows.get(place)?.keys[0]?.[0])).toEqual(found);
          }
        }
      }),
    );
  });

  it('closes the device', async () => {
    const device = new ArrayRows();
    await new DeviceKvCache<number>(SHAPE, device).close();
    expect(device.closed).toBe(true);
  });
});
