import type { Viewer } from '../../src/services/contract.ts';

/** The one user on loopback. */
export const LOCAL: Viewer = { ownerId: 'local' };
