import type { Queryable } from '../db/blob-store.ts';

/** The codes that an asset was made of. */
export interface AssetTokens {
  /** What the codes mean: `BundleInfo.codec`. */
  readonly codec: string;
  /** Frames that the codes give before the asset's first one. */
  readonly skip: number;
  /** Decoding the codes gives exactly the asset's frames. */
  readonly exact: boolean;
  /** `[latents, H, W]` */
  readonly codes: Int32Array;
}

const CODE_BYTES = 4;

export async function readTokens(client: Queryable, assetId: string): Promise<AssetTokens | undefined> {
  const { rows } = await client.query<{ codec: string; skip: number; exact: boolean; codes: Buffer }>('SELECT codec, skip, exact, codes FROM asset_tokens WHERE asset_id = $1', [assetId]);
  const [row] = rows;
  if (row === undefined) return undefined;
  return { ...row, codes: Int32Array.from({ length: row.codes.byteLength / CODE_BYTES }, (_, index) => row.codes.readInt32LE(index * CODE_BYTES)) };
}

export async function insertTokens(client: Queryable, assetId: string, { codec, skip, exact, codes }: AssetTokens): Promise<void> {
  const bytes = Buffer.alloc(codes.length * CODE_BYTES);
  codes.forEach((code, index) => bytes.writeInt32LE(code, index * CODE_BYTES));
  await client.query('INSERT INTO asset_tokens (asset_id, codec, skip, exact, codes) VALUES ($1, $2, $3, $4, $5)', [assetId, codec, skip, exact, bytes]);
}
