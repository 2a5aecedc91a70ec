import { useQuery } from '@tanstack/react-query';
import { useEffect, useId, useRef } from 'react';
import { Link } from 'wouter';
import { useStudio } from '../app/studio-context.ts';
import { AssetDetailsDocument, type AssetDetailsQuery, type DetailsFragment, type TileFragment } from '../generated/operations.ts';
import { Continue } from '../live/continue.tsx';
import { Downloads } from '../live/downloads.tsx';
import { remixOf } from '../live/remix.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { captionOf } from './caption.ts';
import { DetailFacts } from './detail-facts.tsx';
import { LineageGraph } from './lineage-graph.tsx';
import { MediaView } from './media-view.tsx';

interface AssetDialogProps {
  readonly id: string;
  readonly hrefOf: (tile: Pick<TileFragment, 'id'>) => string;
  readonly onClose: () => void;
}

/** One asset: large, what it is, how to make it again, where it comes from and what came of it. */
export function AssetDialog({ id, hrefOf, onClose }: AssetDialogProps) {
  const { client } = useStudio();
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const details = useQuery({ queryKey: ['asset', id], queryFn: async ({ signal }) => asDetails((await client.request(AssetDetailsDocument, { id }, { signal })).node) });
  useEffect(() => {
    const element = dialog.current;
    if (element?.open === false) element.showModal();
    return () => element?.close();
  }, []);
  const asset = details.data ?? null;
  return (
    <dialog
      ref={dialog}
      className="asset-dialog"
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div className="asset-dialog-inner">
        <header className="page-head">
          <h2 id={heading}>{asset === null ? 'Asset' : captionOf(asset)}</h2>
          <button type="button" className="quiet" onClick={onClose}>
            Close
          </button>
        </header>
        {details.error === null ? null : <ErrorNote error={details.error} action={{ label: 'Try again', run: () => void details.refetch() }} />}
        {details.isSuccess && asset === null ? <p>This asset does not exist any more, or it is not yours. Close this to go back to the library.</p> : null}
        {asset === null ? null : (
          <>
            <div className="asset-columns">
              <MediaView asset={asset} key={asset.id} />
              <div className="asset-side">
                <div className="actions">
                  {asset.job === null ? null : (
                    <Link className="button" href={remixOf(asset.job)}>
                      Remix
                    </Link>
                  )}
                  <Continue asset={asset} />
                  <Downloads asset={asset} />
                </div>
                <DetailFacts asset={asset} />
              </div>
            </div>
            <LineageGraph asset={asset} hrefOf={hrefOf} />
          </>
        )}
      </div>
    </dialog>
  );
}

function asDetails(node: AssetDetailsQuery['node']): DetailsFragment | null {
  return node !== null && 'sha256' in node ? node : null;
}
