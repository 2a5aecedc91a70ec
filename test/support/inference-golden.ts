/** Fixtures written by training/cinegraph_training/golden.py: PyTorch float32 results on the tiny bundle. */
import { readFileSync } from 'node:fs';

const DIR = new URL('../golden/', import.meta.url);

interface GoldenFile {
  readonly prompts: readonly {
    readonly task: 'TEXT_TO_VIDEO' | 'TEXT_TO_IMAGE';
    readonly prompt: string;
    readonly textIds: readonly number[];
  }[];
  /** The words of the captions, by the name of the style. */
  readonly styles: Readonly<Record<string, readonly string[]>>;
  readonly guidance: number;
  readonly steps: number;
  readonly tensors: Readonly<Record<string, { readonly dtype: 'float32' | 'int32' | 'uint8'; readonly shape: readonly number[]; readonly byteOffset: number }>>;
}

export interface TokenizerCase {
  readonly text: string;
  readonly normalised: string;
  readonly ids: readonly number[];
}

const TYPES = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array } as const;

export class Golden {
  readonly file: GoldenFile;
  readonly #bytes: Buffer;

  constructor() {
    this.file = JSON.parse(readFileSync(new URL('tiny-bundle.json', DIR), 'utf8')) as GoldenFile;
    this.#bytes = readFileSync(new URL('tiny-bundle.bin', DIR));
  }

  prompt(index: number): GoldenFile['prompts'][number] {
    const prompt = this.file.prompts[index];
    if (prompt === undefined) throw new Error(`no golden prompt ${index}`);
    return prompt;
  }

  /** A tensor by name, flat, row-major. */
  tensor(name: string): Float32Array | Int32Array | Uint8Array {
    const entry = this.file.tensors[name];
    if (entry === undefined) throw new Error(`no golden tensor ${name}`);
    const Type = TYPES[entry.dtype];
    const length = entry.shape.reduce((product, extent) => product * extent, 1);
    const begin = this.#bytes.byteOffset + entry.byteOffset;
    return new Type(this.#bytes.buffer.slice(begin, begin + length * Type.BYTES_PER_ELEMENT) as ArrayBuffer);
  }
}

export function tokenizerCases(): readonly TokenizerCase[] {
  return (JSON.parse(readFileSync(new URL('text-tokenizer.json', DIR), 'utf8')) as { cases: TokenizerCase[] }).cases;
}

/** Largest absolute difference relative to the largest expected magnitude. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) throw new Error(`${found.length} values, expected ${expected.length}`);
  let [worst, largest] = [0, 0];
  for (let i = 0; i < expected.length; i += 1) {
    worst = Math.max(worst, Math.abs((found[i] as number) - (expected[i] as number)));
    largest = Math.max(largest, Math.abs(expected[i] as number));
  }
  return worst / largest;
}
