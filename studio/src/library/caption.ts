import type { TileFragment } from '../generated/operations.ts';
import { inputText } from '../live/live-job.ts';
import { words } from '../ui/format.ts';

/** What people call an asset. */
export function captionOf(tile: Pick<TileFragment, 'title' | 'kind' | 'job'>): string {
  return tile.title ?? inputText(tile.job?.input, 'prompt') ?? words(tile.kind);
}
