import { useId } from 'react';

interface PercentFieldsProps<Name extends string> {
  readonly label: string;
  readonly names: readonly Name[];
  /** Fractions. */
  readonly values: Readonly<Record<Name, number>>;
  /** Percent. */
  readonly max: number;
  readonly onChange: (values: Readonly<Record<Name, number>>) => void;
}

/** The same as by pointer, by keyboard. */
export function PercentFields<Name extends string>({ label, names, values, max, onChange }: PercentFieldsProps<Name>) {
  const id = useId();
  return (
    <fieldset className="percents">
      <legend>{label}, percent</legend>
      {names.map((name) => (
        <div key={name} className="field">
          <label htmlFor={`${id}-${name}`}>{name}</label>
          <input id={`${id}-${name}`} type="number" min={0} max={max} step={1} value={Math.round(values[name] * 100)} onChange={(event) => onChange({ ...values, [name]: Math.min(max, Math.max(0, event.target.valueAsNumber || 0)) / 100 })} />
        </div>
      ))}
    </fieldset>
  );
}
