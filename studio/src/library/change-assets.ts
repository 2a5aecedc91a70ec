import { InputError, type CinegraphClient, type TypedDocument } from '../../../src/client/index.ts';
import { DeleteAssetDocument, RestoreAssetDocument, SetTagsDocument, type TileFragment } from '../generated/operations.ts';

/** Requests at once. */
const PARALLEL = 4;

export function deleteAssets(client: CinegraphClient, ids: readonly string[]): Promise<void> {
  return forEach(ids, (assetId) => mutate(client, DeleteAssetDocument, { assetId }));
}

export function restoreAssets(client: CinegraphClient, ids: readonly string[]): Promise<void> {
  return forEach(ids, (assetId) => mutate(client, RestoreAssetDocument, { assetId }));
}

export function addTags(client: CinegraphClient, tiles: readonly TileFragment[], added: readonly string[]): Promise<void> {
  return forEach(tiles, ({ id, tags }) => mutate(client, SetTagsDocument, { assetId: id, tags: [...new Set([...tags, ...added])] }));
}

interface Answer {
  readonly payload: { readonly userErrors: readonly { readonly code: InputError['errors'][number]['code']; readonly field: readonly string[] | null; readonly message: string }[] };
}

async function mutate<Input>(client: CinegraphClient, document: TypedDocument<Answer, { readonly input: Input }>, input: Input): Promise<void> {
  const { payload } = await client.request(document, { input });
  const [error] = payload.userErrors;
  if (error !== undefined) throw new InputError(error, payload.userErrors);
}

/** Throws the first failure, when all that were under way have ended. */
async function forEach<Item>(items: readonly Item[], action: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await action(item);
  };
  const results = await Promise.allSettled(Array.from({ length: PARALLEL }, worker));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
