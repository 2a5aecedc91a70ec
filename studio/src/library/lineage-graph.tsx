import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { useStudio } from '../app/studio-context.ts';
import { LineageDocument, type TileFragment } from '../generated/operations.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { words } from '../ui/format.ts';
import { captionOf } from './caption.ts';
import { layLineage, type LineageNode } from './lineage.ts';

const MAX_RELATED = 8;
const WIDTH = 168;
const HEIGHT = 72;
const GAP_X = 56;
const GAP_Y = 12;

interface LineageGraphProps {
  readonly asset: TileFragment;
  readonly hrefOf: (tile: Pick<TileFragment, 'id'>) => string;
}

/** What it was made from on the left, what was made from it on the right, two steps each way. */
export function LineageGraph({ asset, hrefOf }: LineageGraphProps) {
  const { client } = useStudio();
  const lineage = useQuery({
    queryKey: ['lineage', asset.id],
    queryFn: async ({ signal }) => {
      const { node } = await client.request(LineageDocument, { id: asset.id, first: MAX_RELATED }, { signal });
      return node !== null && 'parents' in node ? node : null;
    },
  });
  const { nodes, edges, columns, rows } = layLineage(asset, lineage.data ?? null);
  const places = new Map(nodes.map((node) => [node.tile.id, node]));
  return (
    <section className="lineage" aria-label="Lineage">
      <h3>Lineage</h3>
      {lineage.error === null ? null : <ErrorNote error={lineage.error} action={{ label: 'Try again', run: () => void lineage.refetch() }} />}
      {lineage.isSuccess && edges.length === 0 ? <p className="dim">Made from words alone, and nothing was made from it yet. Extend or edit it, and the clips are linked here.</p> : null}
      <div className="lineage-scroll" tabIndex={0} role="group" aria-label="Lineage graph, scrolls sideways">
        <div className="lineage-graph" style={{ width: columns * (WIDTH + GAP_X) - GAP_X, height: rows * (HEIGHT + GAP_Y) - GAP_Y }}>
          <svg width="100%" height="100%" aria-hidden="true">
            {edges.map(([from, to]) => (
              <path key={`${from} ${to}`} d={curve(places.get(from), places.get(to))} />
            ))}
          </svg>
          <ul>
            {nodes.map((node) => (
              <li key={node.tile.id} style={{ transform: `translate(${left(node)}px, ${top(node)}px)`, width: WIDTH, height: HEIGHT }}>
                <Link href={hrefOf(node.tile)} aria-current={node.tile.id === asset.id ? 'true' : undefined}>
                  {'thumbnailUrl' in node.tile ? <img src={node.tile.thumbnailUrl} alt="" width="56" height="56" /> : null}
                  <span>
                    <span className="lineage-task">{node.tile.job === null ? 'Uploaded' : words(node.tile.job.task)}</span>
                    <span className="lineage-caption">{captionOf(node.tile)}</span>
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </section>
  );
}

const left = ({ column }: LineageNode) => column * (WIDTH + GAP_X);
const top = ({ row }: LineageNode) => row * (HEIGHT + GAP_Y);

function curve(from: LineageNode | undefined, to: LineageNode | undefined): string {
  if (from === undefined || to === undefined) return '';
  const [x1, y1, x2, y2] = [left(from) + WIDTH, top(from) + HEIGHT / 2, left(to), top(to) + HEIGHT / 2];
  const middle = (x1 + x2) / 2;
  return `M ${x1} ${y1} C ${middle} ${y1}, ${middle} ${y2}, ${x2} ${y2}`;
}
