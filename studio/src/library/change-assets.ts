import type { CinegraphClient } from '../../../src/client/index.ts';

/** Requests at once. */
const PARALLEL = 4;

export function deleteAssets(client: CinegraphClient, ids: readonly string[]): Promise<void> {
  return forEach(ids, (id) => client.deleteAsset(id));
}

export function restoreAssets(client: CinegraphClient, ids: readonly string[]): Promise<void> {
  return forEach(ids, (id) => client.restoreAsset(id));
}

export interface Tagged {
  readonly id: string;
  readonly tags: readonly string[];
}

/** To those that each has by now: a list on screen may not know of the last change yet. Resolves with what each had before. */
export async function addTags(client: CinegraphClient, ids: readonly string[], added: readonly string[]): Promise<Tagged[]> {
  const before: Tagged[] = [];
  await forEach(ids, async (id) => {
    const asset = await client.asset(id);
    // Deleted meanwhile.
    if (asset === null) return;
    await client.updateAsset(id, { tags: [...new Set([...asset.tags, ...added])] });
    before.push({ id, tags: asset.tags });
  });
  return before;
}

export function setTags(client: CinegraphClient, tagged: readonly Tagged[]): Promise<void> {
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
