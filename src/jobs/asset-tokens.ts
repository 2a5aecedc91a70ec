import type { Queryable } from '../db/blobs/blob-store.ts';

/** The codes that an asset was made of: those of its picture, or those of its sound. */
export interface AssetTokens {
  readonly kind: 'VIDEO' | 'AUDIO';
  /** What the codes mean: `BundleInfo.codec`, or that of its `audio`. */
  readonly codec: string;
  /** Frames, or samples, that the codes give before the asset's first one. */
  readonly skip: number;
  /** Decoding the codes gives exactly the asset's frames, or samples. */
  readonly exact: boolean;
  /** `[latents, H, W]`, or `[F, levels]` */
  readonly codes: Int32Array;
}

const CODE_BYTES = 4;

export async function readTokens(client: Queryable, assetId: string, kind: AssetTokens['kind'] = 'VIDEO'): Promise<AssetTokens | undefined> {
  const { rows } = await client.query<Omit<AssetTokens, 'codes'> & { codes: Buffer }>('SELECT kind, codec, skip, exact, codes FROM asset_tokens WHERE asset_id = $1 AND kind = $2', [assetId, kind]);
  const [row] = rows;
  if (row === undefined) return undefined;
  return { ...row, codes: codesOf(row.codes) };
}

/** int32, little-endian. */
export function bytesOf(codes: Int32Array): Buffer {
  const bytes = Buffer.alloc(codes.length * CODE_BYTES);
  codes.forEach((code, index) => bytes.writeInt32LE(code, index * CODE_BYTES));
  return bytes;
}

export function codesOf(bytes: Buffer): Int32Array {
  return Int32Array.from({ length: bytes.byteLength / CODE_BYTES }, (_, index) => bytes.readInt32LE(index * CODE_BYTES));
}

const INSERT = { name: 'insert-tokens', text: 'INSERT INTO asset_tokens (asset_id, kind, codec, skip, exact, codes) VALUES ($1, $2, $3, $4, $5, $6)' };

export async function insertTokens(client: Queryable, assetId: string, { kind, codec, skip, exact, codes }: AssetTokens): Promise<void> {
  await client.query({ ...INSERT, values: [assetId, kind, codec, skip, exact, bytesOf(codes)] });
}
