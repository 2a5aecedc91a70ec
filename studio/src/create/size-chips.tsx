import type { Model } from '../../../src/client/index.ts';
import { Chips } from '../ui/chips.tsx';

type Limits = NonNullable<Model['limits']>;

interface SizeChipsProps {
  readonly size: Model['limits'];
  readonly upscale: boolean;
  readonly change: (change: { readonly upscale: boolean }) => void;
}

/** How large the picture becomes, where the model can enlarge it. */
export function SizeChips({ size, upscale, change }: SizeChipsProps) {
  if (size === null || size.upscaled === null) return null;
  const options = [false, true].map((value) => ({ value: value ? 'TWO' : 'NONE', label: sizeText(size, value) }));
  return <Chips label="Size" options={options} value={upscale ? 'TWO' : 'NONE'} onChange={(value) => change({ upscale: value === 'TWO' })} />;
}

/** `128 × 128 px` */
export function sizeText(size: Limits, upscale: boolean): string {
  const { width, height } = upscale ? (size.upscaled ?? size) : size;
  return `${width} × ${height} px`;
}
