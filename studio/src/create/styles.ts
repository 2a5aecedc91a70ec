/** Looks to choose from. Pure. */
import type { Style } from '../../../src/client/index.ts';

const LABELS: Readonly<Record<Style, string>> = { NATURAL: 'As written', FLAT: 'Flat colors', OUTLINE: 'Black outlines', PIXEL: 'Pixel art', SKETCH: 'Pencil sketch', NIGHT: 'Moonlight' };

export interface StyleOption {
  /** What the request says; empty: nothing. */
  readonly value: string;
  readonly label: string;
}

/** Those that the model knows, and what is chosen, where that is something else. */
export function styleOptions(styles: readonly Style[], chosen: string): StyleOption[] {
  const named = styles.map((style) => ({ value: style === 'NATURAL' ? '' : style, label: LABELS[style] }));
  return chosen === '' || named.some(({ value }) => value === chosen) ? named : [...named, { value: chosen, label: chosen }];
}
