/** Where the ancestors and descendants of an asset are drawn. Pure. */
import type { LineageQuery, TileFragment } from '../generated/operations.ts';

export interface LineageNode {
  readonly tile: TileFragment;
  /** Column from the left; the asset itself lies where its ancestors end. */
  readonly column: number;
  readonly row: number;
}

export interface LineageLayout {
  readonly nodes: readonly LineageNode[];
  /** From the asset that something was made from, to what was made of it, by id. */
  readonly edges: readonly (readonly [from: string, to: string])[];
  readonly columns: number;
  readonly rows: number;
}

type Related = Extract<NonNullable<LineageQuery['node']>, { readonly parents: unknown }>;

export function layLineage(asset: TileFragment, related: Related | null): LineageLayout {
  const levels: TileFragment[][] = [[], [], [asset], [], []];
  const edges: [string, string][] = [];
  const known = new Set([asset.id]);
  const add = (level: number, tile: TileFragment) => {
    if (known.has(tile.id)) return;
    known.add(tile.id);
    levels[level]?.push(tile);
  };
  for (const parent of related?.parents.nodes ?? []) {
    add(1, parent);
    edges.push([parent.id, asset.id]);
    for (const grandparent of parent.parents.nodes) {
      add(0, grandparent);
      edges.push([grandparent.id, parent.id]);
    }
  }
  for (const child of related?.children.nodes ?? []) {
    add(3, child);
    edges.push([asset.id, child.id]);
    for (const grandchild of child.children.nodes) {
      add(4, grandchild);
      edges.push([child.id, grandchild.id]);
    }
  }
  const used = levels.filter((level) => level.length > 0);
  const rows = Math.max(...used.map((level) => level.length));
  const nodes = used.flatMap((level, column) => level.map((tile, at) => ({ tile, column, row: at + (rows - level.length) / 2 })));
  return { nodes, edges: edges.filter(([from, to]) => known.has(from) && known.has(to)), columns: used.length, rows };
}
