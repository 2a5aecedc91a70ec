import pLimit, { type LimitFunction } from 'p-limit';
import type { Database } from '../db/database.ts';
import { transaction } from '../db/transaction.ts';
import { CinegraphError } from '../errors.ts';
import type { AssetVariant } from '../generated/prisma/client.ts';
import type { Media } from '../media/media.ts';
import type { AssetRecord, VariantFormat } from './contract.ts';
import { spriteLayout } from './sprite-layout.ts';

/** Assets that may have conversions running or waiting; one more is refused with MEDIA_BUSY. */
const MOST_ASSETS = 32;

/** Other forms of clips: made when they are first asked for, and kept. */
export class AssetVariants {
  readonly #database: Database;
  readonly #media: Pick<Media, 'convert'>;
  /** One conversion at a time for each asset. An entry lives as long as somebody waits for it. */
  readonly #turns = new Map<string, { readonly limit: LimitFunction; waiting: number }>();

  constructor(database: Database, media: Pick<Media, 'convert'>) {
    this.#database = database;
    this.#media = media;
  }

  /** Throws the MEDIA_ codes. The caller has checked that the asset can be seen. */
  async get(asset: AssetRecord, format: VariantFormat): Promise<Pick<AssetVariant, 'sha256' | 'contentType'>> {
    const known = await this.#find(asset.id, format);
    if (known !== null) return known;
    if (asset.kind !== 'VIDEO') throw new CinegraphError('MEDIA_TYPE_NOT_SUPPORTED', 'Only a clip has other formats.');
    if (this.#turns.size >= MOST_ASSETS && !this.#turns.has(asset.id)) throw new CinegraphError('MEDIA_BUSY');
    const turn = this.#turns.get(asset.id) ?? { limit: pLimit(1), waiting: 0 };
    this.#turns.set(asset.id, turn);
    turn.waiting++;
    try {
      // Whoever waited finds what the one before made.
      return await turn.limit(async () => (await this.#find(asset.id, format)) ?? this.#make(asset, format));
    } finally {
      if (--turn.waiting === 0) this.#turns.delete(asset.id);
    }
  }

  #find(assetId: string, format: VariantFormat): Promise<AssetVariant | null> {
    return this.#database.prisma.assetVariant.findUnique({ where: { assetId_format: { assetId, format } } });
  }

  async #make(asset: AssetRecord, format: VariantFormat): Promise<Pick<AssetVariant, 'sha256' | 'contentType'>> {
    const { blobs, pool } = this.#database;
    const source = { byteSize: asset.byteSize, read: (start: number, end: number) => blobs.read(asset.sha256, start, end) };
    const { bytes, contentType } = await this.#media.convert(source, format, format === 'sprites' ? spriteLayout(asset) : undefined);
    return transaction(pool, async client => {
      const { sha256 } = await blobs.put(bytes, client);
      // Another process may have made it at the same time; and the asset may be gone.
      await client.query('INSERT INTO asset_variant (asset_id, format, content_type, sha256) SELECT id, $2, $3, $4 FROM asset WHERE id = $1 ON CONFLICT DO NOTHING', [asset.id, format, contentType, sha256]);
      return { sha256, contentType };
    });
  }
}
