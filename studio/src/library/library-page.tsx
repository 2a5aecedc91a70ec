import { useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { Link, useLocation, useRoute, useSearchParams } from 'wouter';
import { Page } from '../app/page.tsx';
import { useStudio } from '../app/studio-context.ts';
import { TileCountDocument, type TileFragment } from '../generated/operations.ts';
import { useModel } from '../system/use-model.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { plural } from '../ui/format.ts';
import { AssetDialog } from './asset-dialog.tsx';
import { AssetGrid } from './asset-grid.tsx';
import { FilterBar } from './filter-bar.tsx';
import { isEmpty, readFilter, toAssetFilter, writeFilter, type LibraryFilter } from './filter.ts';
import './library.css';
import { SelectionBar } from './selection-bar.tsx';
import { useSelection } from './use-selection.ts';
import { useTiles } from './use-tiles.ts';

/** Everything that was made or brought in. `/library/:id` opens one over the grid, which keeps its place. */
export default function LibraryPage() {
  const { client, jobs } = useStudio();
  const [search] = useSearchParams();
  const [, navigate] = useLocation();
  const [, params] = useRoute('/library/:id');
  const filter = readFilter(search);
  const assetFilter = useMemo(() => toAssetFilter(readFilter(search)), [search]);
  const [version, setVersion] = useState(0);
  const [news, setNews] = useState(false);
  const tiles = useTiles(assetFilter, version);
  const selection = useSelection(tiles);
  const model = useModel();
  const total = useQuery({
    queryKey: ['tile-count', assetFilter, version],
    queryFn: async ({ signal }) => (await client.request(TileCountDocument, { filter: assetFilter }, { signal })).assets.totalCount ?? null,
  });
  const renew = useCallback(() => {
    setNews(false);
    setVersion((was) => was + 1);
  }, []);

  // New outputs shift every page: at the top they are shown at once, further down when asked for.
  useEffect(() => jobs.onOutput(() => (scrollY < 200 ? renew() : setNews(true))), [jobs, renew]);

  const query = writeFilter(filter).toString();
  const suffix = query === '' ? '' : `?${query}`;
  const hrefOf = useCallback((tile: Pick<TileFragment, 'id'>) => `/library/${encodeURIComponent(tile.id)}${suffix}`, [suffix]);
  // The address as it is by now: what was typed counts a moment later, when something else may have been chosen or opened.
  const change = (next: Partial<LibraryFilter>) => {
    const changed = writeFilter({ ...readFilter(new URLSearchParams(location.search)), ...next }).toString();
    navigate(`${location.pathname}${changed === '' ? '' : `?${changed}`}`, { replace: true });
  };
  const nothing = tiles.ended && tiles.known === 0;
  return (
    <Page title="Library" actions={<p className="dim" role="status">{total.data == null ? ' ' : plural(total.data, 'asset')}</p>}>
      <FilterBar filter={filter} tasks={model.data?.tasks ?? []} onChange={change} />
      {news ? (
        <button type="button" className="quiet news" onClick={() => { scrollTo({ top: 0 }); renew(); }}>
          Show what is new
        </button>
      ) : null}
      {tiles.error === null ? null : <ErrorNote error={tiles.error} action={{ label: 'Try again', run: tiles.retry }} />}
      {nothing ? <EmptyLibrary filtered={!isEmpty(filter)} onClear={() => navigate('/library')} /> : <AssetGrid tiles={tiles} hrefOf={hrefOf} selection={selection.ids} onSelect={selection.select} onOpen={navigate} />}
      {selection.ids.size === 0 ? null : <SelectionBar selection={selection} tiles={tiles} onChanged={() => void total.refetch()} onStale={renew} />}
      {params === null ? null : <AssetDialog id={decodeURIComponent(params.id)} hrefOf={hrefOf} onClose={() => navigate(`/library${suffix}`)} />}
    </Page>
  );
}

function EmptyLibrary({ filtered, onClear }: { readonly filtered: boolean; readonly onClear: () => void }) {
  if (filtered) {
    return (
      <div className="empty">
        <p>Nothing matches. Fewer words or fewer filters find more.</p>
        <button type="button" className="quiet" onClick={onClear}>
          Clear the filters
        </button>
      </div>
    );
  }
  return (
    <div className="empty">
      <p>Every clip and picture that you make is kept here, with all that is needed to make it again.</p>
      <Link className="button" href="/">
        Make the first one
      </Link>
    </div>
  );
}
