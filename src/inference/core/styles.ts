/** Looks that a prompt can name, in the words of the training captions (training/cinegraph_training/captions.py, STYLE_WORDS); the first of each is canonical. */
export const STYLE_WORDS = {
  NATURAL: ['in natural colors'],
  FLAT: ['in flat colors', 'with flat colors', 'as a flat drawing'],
  OUTLINE: ['with black outlines', 'outlined', 'as a comic'],
  PIXEL: ['in pixel art style', 'as pixel art', 'pixel art'],
  SKETCH: ['as a pencil sketch', 'in pencil', 'as a sketch'],
  NIGHT: ['in moonlight', 'by moonlight', 'in dim light'],
} as const satisfies Readonly<Record<string, readonly [string, ...string[]]>>;

export type Style = keyof typeof STYLE_WORDS;
export const STYLES = Object.keys(STYLE_WORDS) as readonly Style[];

/** The styles whose words a model has met; what is natural goes without saying. */
export function stylesWithin(knownWords: readonly string[]): Style[] {
  const known = new Set(knownWords);
  return STYLES.filter((style) => style === 'NATURAL' || STYLE_WORDS[style][0].split(' ').every((word) => known.has(word)));
}
