import type { CinegraphClient } from '../../../src/client/index.ts';
import type { TileFragment } from '../generated/operations.ts';

/** Requests at once. */
const PARALLEL = 4;

export function deleteAssets(client: CinegraphClient, ids: readonly string[]): Promise<void> {
  return forEach(ids, (id) => client.deleteAsset(id));
}

export function restoreAssets(client: CinegraphClient, ids: readonly string[]): Promise<void> {
  return forEach(ids, (id) => client.restoreAsset(id));
}

export function addTags(client: CinegraphClient, tiles: readonly TileFragment[], added: readonly string[]): Promise<void> {
  return setTags(client, tiles.map(({ id, tags }) => ({ id, tags: [...new Set([...tags, ...added])] })));
}

export function setTags(client: CinegraphClient, tagged: readonly Pick<TileFragment, 'id' | 'tags'>[]): Promise<void> {
  return forEach(tagged, ({ id, tags }) => client.updateAsset(id, { tags }));
}

/** Throws the first failure, when all that were under way have ended. */
async function forEach<Item>(items: readonly Item[], action: (item: Item) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await action(item);
  };
  const results = await Promise.allSettled(Array.from({ length: PARALLEL }, worker));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
