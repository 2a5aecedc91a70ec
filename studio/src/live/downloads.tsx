import type { Asset, VideoAsset } from '../../../src/client/index.ts';

/** What there is to download of an asset; details and events tell it alike. */
type Downloadable = Pick<VideoAsset, '__typename' | 'url' | 'contentType' | 'webmUrl' | 'gifUrl' | 'webpUrl'> | (Pick<Asset, 'url' | 'contentType'> & { readonly __typename: Exclude<Asset['__typename'], 'VideoAsset'> });

/** The bytes as they are stored; clips also as WebM, GIF and WebP, which are made when they are first asked for. */
export function Downloads({ asset }: { readonly asset: Downloadable }) {
  const stored = { url: asset.url, label: `Download ${asset.contentType.split('/')[1]?.toUpperCase() ?? ''}` };
  const others = asset.__typename === 'VideoAsset' ? [{ url: asset.webmUrl, label: 'WebM' }, { url: asset.gifUrl, label: 'GIF' }, { url: asset.webpUrl, label: 'WebP' }] : [];
  return [stored, ...others].map(({ url, label }) => (
    <a key={label} className="button quiet" href={`${url}&download=1`} download>
      {label}
    </a>
  ));
}
