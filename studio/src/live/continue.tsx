import { Link } from 'wouter';
import type { Asset } from '../../../src/client/index.ts';
import { choicesFor, TASKS } from '../create/tasks.ts';
import { useModel } from '../system/use-model.ts';

/** What can be made from an asset: each opens Create with it attached. */
export function Continue({ asset }: { readonly asset: Pick<Asset, 'id' | 'kind'> }) {
  const model = useModel();
  return choicesFor(asset.kind, model.data?.tasks).map((choice) => (
    <Link key={choice} className="button quiet" href={`/?source=${encodeURIComponent(asset.id)}&task=${choice}`}>
      {TASKS[choice].label}
    </Link>
  ));
}
