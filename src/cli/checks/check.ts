import type { Config } from '../../config.ts';

export interface CheckResult {
  /** `note`: works, but worth knowing. */
  readonly state: 'ok' | 'note' | 'broken';
  readonly detail: string;
  /** What to do about it. */
  readonly fix?: string;
}

export interface Check {
  readonly name: string;
  /** May throw: that counts as broken. */
  run(config: Config): Promise<CheckResult>;
}

export const ok = (detail: string): CheckResult => ({ state: 'ok', detail });
export const note = (detail: string, fix: string): CheckResult => ({ state: 'note', detail, fix });
export const broken = (detail: string, fix: string): CheckResult => ({ state: 'broken', detail, fix });
