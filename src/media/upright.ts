import { AV_PKT_DATA_DISPLAYMATRIX } from 'node-av/constants';
import type { Stream } from 'node-av/lib';

/** How frames have to be turned to be seen as their camera was held. */
export interface Upright {
  /** Filters with a comma at the end, to stand before others; empty when nothing is to be done. */
  readonly filter: string;
  /** Width and height change places. */
  readonly sideways: boolean;
}

/** Phones write their frames as the sensor sees them, and beside them a matrix that turns them, or mirrors them, as some do for the camera on the front. Quarter turns count. */
export function uprightOf({ codecpar }: Stream): Upright {
  const matrix = codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
  if (matrix === null || matrix.byteLength < 20) return { filter: '', sideways: false };
  // ISO/IEC 14496-12, 8.3.2: (x, y) goes to (a x + c y, b x + d y), all 16.16 fixed point.
  const [a, b, c, d] = [0, 4, 12, 16].map(at => matrix.readInt32LE(at)) as [number, number, number, number];
  if (Math.abs(b) > Math.abs(a)) return { filter: `transpose=${b > 0 ? (c > 0 ? 'cclock_flip' : 'clock') : c > 0 ? 'cclock' : 'clock_flip'},`, sideways: true };
  return { filter: `${a < 0 ? 'hflip,' : ''}${d < 0 ? 'vflip,' : ''}`, sideways: false };
}
