import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MarkerScan } from '../../../src/services/marker-scan.ts';

describe('MarkerScan', () => {
  it('finds what is there, however it is cut', () => {
    const text = fc.string({ unit: fc.constantFrom('c', '2', 'p', 'a', 'x'), maxLength: 40 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(6), { maxLength: 40 }), (given, cuts) => {
        const scan = new MarkerScan('c2pa');
        const bytes = Buffer.from(given);
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          scan.update(bytes.subarray(at, at + cut));
          at += cut;
        }
        expect(scan.seen).toBe(given.includes('c2pa'));
      }),
    );
  });
});
