/** Cache rows on their way into slots: those of a sequence that gave up its own, and prefixes until all rows of a sequence are there. Owner of its copies. */
import type { PrefixCache } from '../core/cache-view.ts';

/** A row, or one that is still on its way from a device. */
export type StagedRow = PrefixCache | Promise<PrefixCache>;

export class StagedRows<Owner> {
  readonly #staged = new Map<Owner, StagedRow[]>();

  get owners(): Owner[] {
    return [...this.#staged.keys()];
  }

  /** Rows of all owners. */
  get rows(): number {
    return [...this.#staged.values()].reduce((sum, rows) => sum + rows.length, 0);
  }

  count(owner: Owner): number {
    return this.#staged.get(owner)?.length ?? 0;
  }

  add(owner: Owner, rows: readonly StagedRow[]): void {
    // Whoever takes a row hears of its failure; nobody may.
    for (const row of rows) if (row instanceof Promise) row.catch(() => undefined);
    this.#staged.set(owner, [...(this.#staged.get(owner) ?? []), ...rows]);
  }

  take(owner: Owner): readonly StagedRow[] {
    const rows = this.#staged.get(owner) ?? [];
    this.drop(owner);
    return rows;
  }

  drop(owner: Owner): void {
    this.#staged.delete(owner);
  }
}
