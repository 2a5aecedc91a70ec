import type { Draft } from './draft.ts';

interface SeedFieldProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  readonly invalid: boolean;
}

/** Locked: the same seed again. Open: a new one each time; the field then shows the last. */
export function SeedField({ draft, change, invalid }: SeedFieldProps) {
  return (
    <div className="seed">
      <label htmlFor="seed">Seed</label>
      <input
        id="seed"
        name="seed"
        inputMode="numeric"
        autoComplete="off"
        placeholder="random"
        value={draft.seed}
        aria-invalid={invalid}
        onChange={(event) => change({ seed: event.target.value.replaceAll(/\D/g, ''), seedLocked: event.target.value !== '' })}
      />
      <label className="lock">
        <input type="checkbox" checked={draft.seedLocked} onChange={(event) => change({ seedLocked: event.target.checked })} />
        Keep
      </label>
    </div>
  );
}
