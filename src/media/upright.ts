import { AV_PKT_DATA_DISPLAYMATRIX } from 'node-av/constants';
import type { Stream } from 'node-av/lib';

/** How frames have to be turned to be seen as their camera was held. */
export interface Upright {
  /** Filters with a comma at the end, to stand before others; empty when nothing is to be done. */
  readonly filter: string;
  /** Width and height change places. */
  readonly sideways: boolean;
}

const AS_IT_IS: Upright = { filter: '', sideways: false };
const BY_QUARTERS: readonly Upright[] = [AS_IT_IS, { filter: 'transpose=clock,', sideways: true }, { filter: 'hflip,vflip,', sideways: false }, { filter: 'transpose=cclock,', sideways: true }];

/** Phones write their frames as the sensor sees them, and beside them a matrix (3 x 3, 16.16 fixed point) that turns them. Quarter turns count. */
export function uprightOf({ codecpar }: Stream): Upright {
  const matrix = codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
  if (matrix === null || matrix.byteLength < 8) return AS_IT_IS;
  const quarters = Math.round(Math.atan2(matrix.readInt32LE(4), matrix.readInt32LE(0)) / (Math.PI / 2));
  return BY_QUARTERS[(quarters + 4) % 4] ?? AS_IT_IS;
}
