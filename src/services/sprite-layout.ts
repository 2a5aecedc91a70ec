import type { AssetRecord } from './contract.ts';

/** Longest side of a still, pixels; stills in a row; stills of a sheet. */
const SIDE = 160;
const COLUMNS = 5;
const MOST = 25;

export interface SpriteSheet {
  readonly columns: number;
  readonly rows: number;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** Stills per second of the clip. */
  readonly fps: number;
}

/** How the sprite sheet of a clip is laid out: told before it is drawn, and drawn the same way. */
export function spriteLayout({ width, height, frameCount, durationMs }: Pick<AssetRecord, 'width' | 'height' | 'frameCount' | 'durationMs'>): SpriteSheet {
  const count = Math.max(1, Math.min(MOST, frameCount ?? 1));
  const columns = Math.min(COLUMNS, count);
  const scale = Math.min(1, SIDE / Math.max(width ?? 1, height ?? 1));
  const [tileWidth, tileHeight] = [width ?? 1, height ?? 1].map(side => Math.max(1, Math.round(side * scale))) as [number, number];
  return { columns, rows: Math.ceil(count / columns), count, width: tileWidth, height: tileHeight, fps: (count * 1000) / Math.max(1, durationMs ?? 1) };
}
