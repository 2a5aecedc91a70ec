import type { AssetDetails } from './asset-dialog.tsx';

/** The bytes as they are stored. */
export function Downloads({ asset }: { readonly asset: AssetDetails }) {
  return (
    <a className="button quiet" href={`${asset.url}&download=1`} download>
      Download {asset.contentType.split('/')[1]?.toUpperCase()}
    </a>
  );
}
