/** Who gives up slots for whom. */
import type { Sequence } from '../core/sequence.ts';

export function rowsByOwner(sequences: readonly Sequence[]): Map<string, number> {
  const rows = new Map<string, number>();
  for (const { owner, rows: own } of sequences) rows.set(owner, (rows.get(owner) ?? 0) + own);
  return rows;
}

/**
 * Sequences of `running`, in slot order, that make room for `missing` rows of `next`; none when that would be unfair. An owner gives rows
 * up only while it keeps as many as the newcomer's owner then has, so that no two ever take slots from each other in turn. Of the owner
 * with the most, the sequence that made least goes first, among equals the youngest.
 */
export function choosePreempted(next: Sequence, missing: number, running: readonly Sequence[]): Sequence[] {
  const rows = rowsByOwner(running);
  const least = (rows.get(next.owner) ?? 0) + next.rows;
  const chosen: Sequence[] = [];
  for (let found = 0; found < missing; ) {
    const willing = running.filter((sequence) => !chosen.includes(sequence) && sequence.owner !== next.owner && (rows.get(sequence.owner) ?? 0) - sequence.rows >= least);
    const [first, ...others] = willing;
    if (first === undefined) return [];
    const victim = others.reduce((best, other) => (goesBefore(other, best, rows) ? other : best), first);
    chosen.push(victim);
    rows.set(victim.owner, (rows.get(victim.owner) ?? 0) - victim.rows);
    found += victim.rows;
  }
  return chosen;
}

function goesBefore(left: Sequence, right: Sequence, rows: ReadonlyMap<string, number>): boolean {
  const difference = (rows.get(left.owner) ?? 0) - (rows.get(right.owner) ?? 0);
  return difference !== 0 ? difference > 0 : left.done <= right.done;
}
