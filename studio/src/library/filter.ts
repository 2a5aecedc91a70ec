/** What the library shows, as the address says it. Pure. */
import type { AssetFilter, AssetKind, Task } from '../../../src/client/index.ts';
import { tagsOf } from '../create/draft.ts';

export const KINDS = ['VIDEO', 'IMAGE', 'AUDIO', 'TEXT', 'MASK'] as const satisfies readonly AssetKind[];
export const ORIGINS = ['GENERATED', 'UPLOADED'] as const;

/** Names in the address; what is empty is left out. */
export interface LibraryFilter {
  readonly q: string;
  readonly kind: string;
  readonly origin: string;
  readonly task: string;
  readonly tags: string;
}

const NAMES = ['q', 'kind', 'origin', 'task', 'tags'] as const;

export function readFilter(search: URLSearchParams): LibraryFilter {
  const [q = '', kind = '', origin = '', task = '', tags = ''] = NAMES.map((name) => search.get(name) ?? '');
  return { q, kind, origin, task, tags };
}

export function writeFilter(filter: LibraryFilter): URLSearchParams {
  return new URLSearchParams(NAMES.filter((name) => filter[name] !== '').map((name) => [name, filter[name]]));
}

export function isEmpty(filter: LibraryFilter): boolean {
  return NAMES.every((name) => filter[name].trim() === '');
}

/** Words that the address got wrong are ignored, not sent. */
export function toAssetFilter({ q, kind, origin, task, tags }: LibraryFilter): AssetFilter {
  const knownKind = KINDS.find((each) => each === kind);
  const knownOrigin = ORIGINS.find((each) => each === origin);
  return {
    ...(q.trim() === '' ? {} : { search: q.trim() }),
    ...(knownKind === undefined ? {} : { kind: [knownKind] }),
    ...(knownOrigin === undefined ? {} : { origin: knownOrigin }),
    ...(/^[A-Z_]+$/.test(task) ? { task: task as Task } : {}),
    ...(tagsOf(tags).length === 0 ? {} : { tags: tagsOf(tags) }),
  };
}
