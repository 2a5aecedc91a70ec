/**
 * Who owns which cache slots. Both ends of the arena stay compact, so the free slots are one interval in the middle:
 *
 *     slot   0   1   2   3   4   5   6   7   8   9
 *          [ A   A | B   B | C |   free    | E | D   D ]
 *            shared -->                      <-- private
 *
 * `shared` owners step together, one batch over slots [0, shared end). `private` owners step alone, each over its own slots. Spare slots are never claimed.
 */
export type Side = 'shared' | 'private';

export interface SlotMove {
  readonly from: number;
  readonly to: number;
}

interface Claim<Owner> {
  readonly owner: Owner;
  readonly rows: number;
}

export class SlotTable<Owner> {
  readonly size: number;
  readonly #spare: number;
  readonly #claims: Record<Side, Claim<Owner>[]> = { shared: [], private: [] };

  constructor(size: number, spare = 0) {
    this.size = size;
    this.#spare = spare;
  }

  get free(): number {
    return this.size - this.#spare - this.used('shared') - this.used('private');
  }

  used(side: Side): number {
    return this.#claims[side].reduce((total, claim) => total + claim.rows, 0);
  }

  /** Owners of one side in slot order, outermost first. */
  owners(side: Side): Owner[] {
    return this.#claims[side].map((claim) => claim.owner);
  }

  /** Gives `rows` consecutive slots to `owner`; false when they are not free. */
  claim(owner: Owner, rows: number, side: Side): boolean {
    if (rows > this.free || this.firstSlot(owner) !== undefined) return false;
    this.#claims[side].push({ owner, rows });
    return true;
  }

  rowsOf(owner: Owner): number {
    return [...this.#claims.shared, ...this.#claims.private].find((claim) => claim.owner === owner)?.rows ?? 0;
  }

  firstSlot(owner: Owner): number | undefined {
    for (const side of ['shared', 'private'] as const) {
      let before = 0;
      for (const claim of this.#claims[side]) {
        if (claim.owner === owner) return side === 'shared' ? before : this.size - before - claim.rows;
        before += claim.rows;
      }
    }
    return undefined;
  }

  /**
   * Takes the owner's slots back and closes the gap. The caller copies the slot contents in the order of the returned moves,
   * which never overwrites a slot that a later move still reads.
   */
  release(owner: Owner): SlotMove[] {
    const side = this.#claims.shared.some((claim) => claim.owner === owner) ? 'shared' : 'private';
    const claims = this.#claims[side];
    const at = claims.findIndex((claim) => claim.owner === owner);
    const gone = claims[at];
    if (gone === undefined) return [];
    const before = claims.slice(0, at).reduce((total, claim) => total + claim.rows, 0);
    const end = this.used(side);
    claims.splice(at, 1);
    const moves: SlotMove[] = [];
    for (let from = before + gone.rows; from < end; from += 1) {
      const move = { from, to: from - gone.rows };
      moves.push(side === 'shared' ? move : { from: this.size - 1 - move.from, to: this.size - 1 - move.to });
    }
    return moves;
  }

  /** Throws when an invariant is broken: more slots claimed than exist, an owner twice, an empty claim. */
  checkIntegrity(): void {
    const claims = [...this.#claims.shared, ...this.#claims.private];
    if (new Set(claims.map((claim) => claim.owner)).size !== claims.length) throw new Error('slot table: an owner holds two claims');
    if (claims.some((claim) => claim.rows < 1)) throw new Error('slot table: an empty claim');
    if (this.free < 0) throw new Error(`slot table: ${this.size - this.free} slots claimed of ${this.size}`);
  }
}
