import { graphql, useLazyLoadQuery, usePaginationFragment } from 'react-relay';
import type { clipsListFragment$key } from './__generated__/clipsListFragment.graphql';
import type { clipsQuery } from './__generated__/clipsQuery.graphql';
import { Clip } from './clip.tsx';

/** All clips, the newest first, twelve more at each press. */
export function Clips() {
  const query = useLazyLoadQuery<clipsQuery>(
    graphql`
      query clipsQuery($count: Int!) {
        ...clipsListFragment @arguments(count: $count)
      }
    `,
    { count: 12 },
  );
  return <ClipList query={query} />;
}

function ClipList({ query }: { readonly query: clipsListFragment$key }) {
  const { data, hasNext, loadNext } = usePaginationFragment(
    graphql`
      fragment clipsListFragment on Query
      @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" })
      @refetchable(queryName: "clipsPageQuery") {
        assets(first: $count, after: $cursor, filter: { kind: [VIDEO] }) @connection(key: "clipsListFragment_assets") {
          edges {
            node {
              id
              ...clipFragment @alias(as: "clip")
            }
          }
        }
      }
    `,
    query,
  );
  return (
    <ul>
      {data.assets.edges.map(({ node }) => node.clip && <Clip key={node.id} clip={node.clip} />)}
      {hasNext && <button onClick={() => loadNext(12)}>More</button>}
    </ul>
  );
}
