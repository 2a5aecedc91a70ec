import type { Model } from '../../../src/client/index.ts';
import type { Draft, SamplingNumber } from './draft.ts';
import { TASKS } from './tasks.ts';

const FIELDS: readonly { readonly name: SamplingNumber; readonly label: string; readonly help: string; readonly min: number; readonly max: number; readonly step: number }[] = [
  { name: 'temperature', label: 'Temperature', help: '0 to 2. Higher is more varied.', min: 0, max: 2, step: 0.05 },
  { name: 'topK', label: 'Top k', help: '0: all tokens may be drawn.', min: 0, max: 100_000, step: 1 },
  { name: 'topP', label: 'Top p', help: 'Above 0, up to 1.', min: 0, max: 1, step: 0.01 },
  { name: 'guidance', label: 'Guidance', help: '1 to 20. How strongly the prompt steers.', min: 1, max: 20, step: 0.1 },
];

interface AdvancedProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  readonly model: Model | undefined;
}

/** How tokens are drawn, and labels for the outputs. */
export function Advanced({ draft, change, model }: AdvancedProps) {
  const { sampling } = draft;
  const usual = model?.samplings.find(({ task }) => task === TASKS[draft.task].task)?.sampling;
  return (
    <details className="advanced">
      <summary>Advanced</summary>
      <div className="grid-fields">
        {FIELDS.map(({ name, label, help, min, max, step }) => (
          <div key={name} className="field">
            <label htmlFor={name}>{label}</label>
            <input
              id={name}
              name={name}
              type="number"
              min={min}
              max={max}
              step={step}
              value={sampling[name]}
              placeholder={usual?.[name].toString() ?? 'default'}
              aria-describedby={`${name}-help`}
              onChange={(event) => change({ sampling: { ...sampling, [name]: event.target.value } })}
            />
            <p id={`${name}-help`} className="dim">
              {help}
            </p>
          </div>
        ))}
        <label className="lock wide">
          <input type="checkbox" checked={sampling.deterministic} onChange={(event) => change({ sampling: { ...sampling, deterministic: event.target.checked } })} />
          Deterministic: the same seed gives the same bytes, whatever runs beside
        </label>
        <div className="field">
          <label htmlFor="title">Title</label>
          <input id="title" name="title" value={draft.title} onChange={(event) => change({ title: event.target.value })} />
        </div>
        <div className="field">
          <label htmlFor="tags">Tags</label>
          <input id="tags" name="tags" value={draft.tags} placeholder="fox, red" onChange={(event) => change({ tags: event.target.value })} />
        </div>
      </div>
    </details>
  );
}
