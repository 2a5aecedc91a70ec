/**
 * Top-k and nucleus sets by partial selection (quickselect, Hoare 1961) instead of a sort: expected O(n) for n entries.
 * The order is total (weight descending, then index ascending), so ties have one answer.
 */

/** Moves the `k` heaviest of `order[0, n)` to its front. Mutates `order`. */
export function selectTopK(order: Int32Array, n: number, weights: Float64Array, k: number): void {
  let [low, high] = [0, n];
  while (high - low > 1) {
    const pivot = partition(order, low, high, weights);
    if (pivot === k || pivot + 1 === k) return;
    if (pivot > k) high = pivot;
    else low = pivot + 1;
  }
}

/**
 * Moves the smallest set of the heaviest entries of `order[0, n)` whose weights reach `mass` to the front; returns its size (at least 1).
 * Mutates `order`. (Holtzman et al. 2020, arXiv 1904.09751, section 3.1)
 */
export function selectNucleus(order: Int32Array, n: number, weights: Float64Array, mass: number): number {
  let [low, high, before] = [0, n, 0];
  while (low < high) {
    const pivot = partition(order, low, high, weights);
    let heavier = before;
    for (let at = low; at < pivot; at += 1) heavier += weights[order[at] as number] as number;
    if (heavier >= mass) {
      high = pivot;
      continue;
    }
    before = heavier + (weights[order[pivot] as number] as number);
    if (before >= mass) return pivot + 1;
    low = pivot + 1;
  }
  return Math.max(1, low);
}

/** Lomuto partition of `order[low, high)` round the middle entry: heavier ones before it. Returns where it ends up. */
function partition(order: Int32Array, low: number, high: number, weights: Float64Array): number {
  const last = high - 1;
  swap(order, (low + last) >>> 1, last);
  const pivot = order[last] as number;
  const pivotWeight = weights[pivot] as number;
  let store = low;
  for (let at = low; at < last; at += 1) {
    const entry = order[at] as number;
    const weight = weights[entry] as number;
    if (weight > pivotWeight || (weight === pivotWeight && entry < pivot)) {
      swap(order, at, store);
      store += 1;
    }
  }
  swap(order, store, last);
  return store;
}

function swap(order: Int32Array, i: number, j: number): void {
  const entry = order[i] as number;
  order[i] = order[j] as number;
  order[j] = entry;
}
