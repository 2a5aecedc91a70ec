import type { Model } from '../../../src/client/index.ts';
import { Chips } from '../ui/chips.tsx';
import { seconds } from '../ui/format.ts';
import type { Draft } from './draft.ts';
import { lengthsOf } from './lengths.ts';

interface LengthChipsProps {
  readonly draft: Pick<Draft, 'durationMs'>;
  readonly change: (change: Pick<Draft, 'durationMs'>) => void;
  readonly model: Model | undefined;
}

/** How long the clip becomes. Nothing to choose with a model that cannot extend what it made. */
export function LengthChips({ draft, change, model }: LengthChipsProps) {
  if (model?.limits == null || !model.tasks.includes('EXTEND_VIDEO')) return null;
  const [own, ...longer] = lengthsOf(model.limits);
  const known = draft.durationMs === null || longer.includes(draft.durationMs) ? longer : [...longer, draft.durationMs].sort((a, b) => a - b);
  const options = [{ value: 0, label: seconds(own) }, ...known.map((value) => ({ value, label: seconds(value) }))];
  return <Chips label="Length" options={options} value={draft.durationMs ?? 0} onChange={(value) => change({ durationMs: value === 0 ? null : value })} />;
}
