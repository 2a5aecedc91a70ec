/** NumPy's array files (format 1.0, C order): how clips and sounds pass between the program's side and the side that reads them. */
import { readFile, writeFile } from 'node:fs/promises';

const MAGIC = Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1');
/** Header and magic fill a multiple of this, bytes. */
const ALIGNMENT = 64;

export interface NumpyArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Float32Array;
}

export async function writeNpy(file: string, { shape, data }: NumpyArray): Promise<void> {
  const type = data instanceof Float32Array ? '<f4' : '|u1';
  const dimensions = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${dimensions}), }`;
  const before = MAGIC.length + 2;
  const length = Math.ceil((before + text.length + 1) / ALIGNMENT) * ALIGNMENT - before;
  const size = Buffer.alloc(2);
  size.writeUInt16LE(length);
  const header = `${text.padEnd(length - 1)}\n`;
  await writeFile(file, Buffer.concat([MAGIC, size, Buffer.from(header, 'latin1'), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
}

/** A file of bytes, `|u1`. Throws when it is none. */
export async function readNpy(file: string): Promise<NumpyArray> {
  const bytes = await readFile(file);
  const begins = MAGIC.length + 2 + bytes.readUInt16LE(MAGIC.length);
  const header = bytes.toString('latin1', 0, begins);
  const shape = /'shape': \(([\d, ]*)\)/.exec(header)?.[1]?.split(',').filter((part) => part.trim() !== '').map(Number);
  if (!header.includes("'|u1'") || !header.includes("'fortran_order': False") || shape === undefined) throw new Error(`${file} is no array of bytes`);
  return { shape, data: bytes.subarray(begins) };
}
