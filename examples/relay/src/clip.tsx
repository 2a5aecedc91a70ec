import { graphql, useRefetchableFragment } from 'react-relay';
import type { clipFragment$key } from './__generated__/clipFragment.graphql';

/** One clip. Its signed URLs expire; a video that does not load any more is fetched again by its id. */
export function Clip({ clip }: { readonly clip: clipFragment$key }) {
  const [data, refetch] = useRefetchableFragment(
    graphql`
      fragment clipFragment on VideoAsset @refetchable(queryName: "clipRefetchQuery") {
        title
        url
        thumbnailUrl
        durationMs
        job {
          seed
          status
        }
      }
    `,
    clip,
  );
  return (
    <li>
      <video src={data.url} poster={data.thumbnailUrl} controls onError={() => refetch({}, { fetchPolicy: 'network-only' })} />
      {data.title ?? `seed ${data.job?.seed ?? 'unknown'}`}
    </li>
  );
}
