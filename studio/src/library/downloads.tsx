import type { DetailsFragment } from '../generated/operations.ts';

/** The bytes as they are stored; clips also as WebM, GIF and WebP, which are made when they are first asked for. */
export function Downloads({ asset }: { readonly asset: DetailsFragment }) {
  const stored = { url: asset.url, label: `Download ${asset.contentType.split('/')[1]?.toUpperCase() ?? ''}` };
  const others = asset.__typename === 'VideoAsset' ? [{ url: asset.webm, label: 'WebM' }, { url: asset.gif, label: 'GIF' }, { url: asset.webp, label: 'WebP' }] : [];
  return [stored, ...others].map(({ url, label }) => (
    <a key={label} className="button quiet" href={`${url}&download=1`} download>
      {label}
    </a>
  ));
}
