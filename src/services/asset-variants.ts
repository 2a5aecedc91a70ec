import pLimit, { type LimitFunction } from 'p-limit';
import type { Database } from '../db/database.ts';
import { transaction } from '../db/transaction.ts';
import { CinegraphError } from '../errors.ts';
import type { AssetVariant } from '../generated/prisma/client.ts';
import type { Media } from '../media/media.ts';
import type { AssetRecord, VariantFormat } from './contract.ts';
import { provenanceOf } from './provenance.ts';
import { spriteLayout } from './sprite-layout.ts';

/** Assets that may have conversions running or waiting; one more is refused with MEDIA_BUSY. */
const MOST_ASSETS = 32;

/** `signed`: the content itself with content credentials. */
type Format = VariantFormat | 'signed';

interface Made {
  readonly bytes: Buffer;
  readonly contentType: string;
}

export interface VariantDeps {
  readonly database: Database;
  readonly media: Pick<Media, 'convert' | 'credentials'>;
  /** Of the program. */
  readonly version: string;
}

/** Other forms of clips: made when they are first asked for, and kept. */
export class AssetVariants {
  readonly #deps: VariantDeps;
  /** One conversion at a time for each asset. An entry lives as long as somebody waits for it. */
  readonly #turns = new Map<string, { readonly limit: LimitFunction; waiting: number }>();

  constructor(deps: VariantDeps) {
    this.#deps = deps;
  }

  /** Throws the MEDIA_ codes. The caller has checked that the asset can be seen. */
  async get(asset: AssetRecord, format: VariantFormat): Promise<Pick<AssetVariant, 'sha256' | 'contentType'>> {
    const known = await this.#find(asset.id, format);
    if (known !== null) return known;
    if (asset.kind !== 'VIDEO') throw new CinegraphError('MEDIA_TYPE_NOT_SUPPORTED', 'Only a clip has other formats.');
    return this.#once(asset, format, () => this.#convert(asset, format));
  }

  /** The content itself with a signed claim of where it is from; the content as it is when it was not made here, or cannot carry one. */
  async signed(asset: AssetRecord): Promise<Pick<AssetVariant, 'sha256' | 'contentType'>> {
    if (asset.origin !== 'GENERATED' || !this.#deps.media.credentials.signs(asset.contentType, asset.byteSize)) return asset;
    return (await this.#find(asset.id, 'signed')) ?? this.#once(asset, 'signed', async () => {
      const bytes = Buffer.concat(await Array.fromAsync(this.#deps.database.blobs.read(asset.sha256, 0, asset.byteSize - 1)));
      return this.#sign(asset, bytes, asset.contentType);
    });
  }

  /** One at a time for each asset. */
  async #once(asset: AssetRecord, format: Format, make: () => Promise<Made>): Promise<Pick<AssetVariant, 'sha256' | 'contentType'>> {
    if (this.#turns.size >= MOST_ASSETS && !this.#turns.has(asset.id)) throw new CinegraphError('MEDIA_BUSY');
    const turn = this.#turns.get(asset.id) ?? { limit: pLimit(1), waiting: 0 };
    this.#turns.set(asset.id, turn);
    turn.waiting++;
    try {
      // Whoever waited finds what the one before made.
      return await turn.limit(async () => (await this.#find(asset.id, format)) ?? this.#keep(asset, format, await make()));
    } finally {
      if (--turn.waiting === 0) this.#turns.delete(asset.id);
    }
  }

  #find(assetId: string, format: Format): Promise<AssetVariant | null> {
    return this.#deps.database.prisma.assetVariant.findUnique({ where: { assetId_format: { assetId, format } } });
  }

  async #convert(asset: AssetRecord, format: VariantFormat): Promise<Made> {
    const { database, media } = this.#deps;
    const source = { byteSize: asset.byteSize, read: (start: number, end: number) => database.blobs.read(asset.sha256, start, end) };
    const { bytes, contentType } = await media.convert(source, format, format === 'sprites' ? spriteLayout(asset) : undefined);
    // Sprites are for the page that scrubs through a clip; the others leave the house.
    const leaves = format !== 'sprites' && asset.origin === 'GENERATED' && media.credentials.signs(contentType, bytes.byteLength);
    const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return leaves ? this.#sign(asset, file, contentType) : { bytes: file, contentType };
  }

  async #sign(asset: AssetRecord, bytes: Buffer, contentType: string): Promise<Made> {
    const { database, media, version } = this.#deps;
    return { bytes: await media.credentials.sign(bytes, contentType, await provenanceOf(asset, database, version)), contentType };
  }

  #keep(asset: AssetRecord, format: Format, { bytes, contentType }: Made): Promise<Pick<AssetVariant, 'sha256' | 'contentType'>> {
    const { blobs, pool } = this.#deps.database;
    return transaction(pool, async client => {
      const { sha256 } = await blobs.put(bytes, client);
      // Another process may have made it at the same time, and then that one is kept; and the asset may be gone.
      await client.query('INSERT INTO asset_variant (asset_id, format, content_type, sha256) SELECT id, $2, $3, $4 FROM asset WHERE id = $1 ON CONFLICT DO NOTHING', [asset.id, format, contentType, sha256]);
      return { sha256, contentType };
    });
  }
}
