import { UNKNOWN, type BundleInfo, type RawFrame } from '../inference/core/generation.ts';

/** Edges in pixels; right and bottom are the first that lie outside. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export type Size = Pick<BundleInfo, 'width' | 'height'>;

export function sameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}

/** A byte per pixel of a frame: 1 where it is to be made new. */
export type Mask = Uint8Array;

export function maskOfBox({ left, top, right, bottom }: Box, { width, height }: Size): Mask {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return x >= left && x < right && y >= top && y < bottom ? 1 : 0;
  });
}

/** White is to be made new, black is kept; the middle decides. */
export function maskOfPicture({ rgb }: RawFrame): Mask {
  return Uint8Array.from({ length: rgb.length / 3 }, (_, i) => {
    const [red, green, blue] = [rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]] as [number, number, number];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue >= 128 ? 1 : 0;
  });
}

export function inverse(mask: Mask): Mask {
  return mask.map(value => 1 - value);
}

/** The codes without those of places of which any pixel is to be made new. Codes are `[latents, H, W]`. */
export function hide(codes: Int32Array, mask: Mask, { width, height, grid: [, rows, columns] }: Pick<BundleInfo, 'width' | 'height' | 'grid'>): Int32Array {
  const hidden = new Set<number>();
  mask.forEach((value, pixel) => {
    if (value === 0) return;
    const y = Math.floor((Math.floor(pixel / width) * rows) / height);
    const x = Math.floor(((pixel % width) * columns) / width);
    hidden.add(y * columns + x);
  });
  return codes.map((code, position) => (hidden.has(position % (rows * columns)) ? UNKNOWN : code));
}

/** The new frame where the mask says so, the kept one elsewhere. */
export function composite(made: RawFrame, kept: RawFrame, mask: Mask): RawFrame {
  const rgb = Uint8Array.from(kept.rgb);
  mask.forEach((value, pixel) => {
    if (value === 1) rgb.set(made.rgb.subarray(3 * pixel, 3 * pixel + 3), 3 * pixel);
  });
  return { width: made.width, height: made.height, rgb };
}

/** `frame` inside a larger, black one, its corner at `(left, top)`. */
export function placed(frame: RawFrame, { left, top }: Pick<Box, 'left' | 'top'>, { width, height }: Size): RawFrame {
  const rgb = new Uint8Array(3 * width * height);
  for (let y = 0; y < frame.height; y++) rgb.set(frame.rgb.subarray(3 * y * frame.width, 3 * (y + 1) * frame.width), 3 * ((top + y) * width + left));
  return { width, height, rgb };
}
