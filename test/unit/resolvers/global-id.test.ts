import { describe, expect, it } from 'vitest';
import { fromGlobalId, keyOf, toGlobalId } from '../../../src/resolvers/global-id.ts';

const UUID = '0b5a1f6e-5d0c-4c7e-9a55-0a7f2f1f9a11';

describe('global ids', () => {
  it('come back', () => {
    expect(fromGlobalId(toGlobalId('Job', UUID), ['id'])).toEqual({ type: 'Job', key: UUID });
    expect(fromGlobalId(toGlobalId('Model', 'cinegraph-small'), ['id'])).toEqual({ type: 'Model', key: 'cinegraph-small' });
  });

  it.each(['', 'x', UUID, toGlobalId('Job', 'no uuid'), `${toGlobalId('Job', UUID)}=`, Buffer.from(`User:${UUID}`).toString('base64url'), 'A'.repeat(5000)])(
    'made elsewhere are refused: %s',
    (id) => {
      expect(() => fromGlobalId(id, ['id'])).toThrowError(expect.objectContaining({ code: 'INVALID_ID', field: ['id'] }));
    },
  );

  it('of another type are refused in words', () => {
    expect(() => keyOf('Job', toGlobalId('Asset', UUID), ['jobId'])).toThrowError(/id of an Asset; the id of a Job/);
  });
});
