/** Runs one planned step: the graphs, then the drawing of tokens. Changes the caches, not the sequences. */
import type { PrefixCache } from '../core/cache-view.ts';
import type { Sequence } from '../core/sequence.ts';
import type { Caches } from '../kv-cache/caches.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { legalLogits } from '../sampling/logits.ts';
import { CounterRandom } from '../sampling/philox.ts';
import { Sampler } from '../sampling/sampler.ts';
import type { StepPlan } from '../scheduler/scheduler.ts';
import type { StepInput, VideoGrid } from '../tokenizers/video-grid.ts';

/** The code of a sequence's next position, drawn or given; several of one sequence follow each other. */
export interface Drawn {
  readonly sequence: Sequence;
  readonly a: number;
  readonly b: number;
}

type PrefillPlan = Extract<StepPlan, { type: 'prefill' }>;
type DecodePlan = Extract<StepPlan, { type: 'decode' }>;

export class StepRunner {
  readonly #model: LanguageModel;
  readonly #caches: Caches;
  readonly #grid: VideoGrid;
  readonly #headInvariant: boolean;
  readonly #sampler: Sampler;

  /** `headInvariant`: whether the head gives a row the same bits in every batch. */
  constructor(model: LanguageModel, caches: Caches, grid: VideoGrid, headInvariant: boolean) {
    this.#model = model;
    this.#caches = caches;
    this.#grid = grid;
    this.#headInvariant = headInvariant;
    this.#sampler = new Sampler(model.config.outputSize);
  }

  async run(plan: StepPlan): Promise<readonly Drawn[]> {
    switch (plan.type) {
      case 'prefill':
        return await this.#prefill(plan);
      case 'decode':
        return await this.#decode(plan);
    }
  }

  /**
   * Stages the sequence's next row, or all that are known; the last one fills its slots. Slots are written all at once: until then a step's
   * padding may lie there. Draws nothing: beyond given codes that others have computed, the first output position is the first decode step.
   */
  async #prefill({ sequence, firstSlot }: PrefillPlan): Promise<readonly Drawn[]> {
    const { slots, staged, prefixes } = this.#caches;
    if (staged.count(sequence) < sequence.rows) {
      const lead = staged.count(sequence) === 0 ? prefixes.lead(sequence) : undefined;
      staged.add(sequence, lead ?? [await this.#prefix(sequence, staged.count(sequence))]);
    }
    if (staged.count(sequence) < sequence.rows) return [];
    const rows = staged.take(sequence);
    rows.forEach((row, i) => slots.write(firstSlot + i, row));
    const given = (rows[0]?.length ?? 0) - sequence.cacheLength(0);
    return Array.from({ length: given }, (_, i) => this.#givenAt(sequence, sequence.done + i));
  }

  async #prefix(sequence: Sequence, row: number): Promise<PrefixCache> {
    const { prefixes } = this.#caches;
    const known = prefixes.prefix(sequence, row);
    if (known !== undefined) return known;
    const computed = await this.#model.prefill(sequence.input.prefixes[row] ?? []);
    prefixes.keepPrefix(sequence, row, computed);
    return computed;
  }

  #givenAt(sequence: Sequence, position: number): Drawn {
    const [a, b] = this.#grid.split(sequence.forcedAt(position) ?? 0);
    return { sequence, a, b };
  }

  /** Keeps what a sequence was given once the step at its end is done, for others that are given the same. */
  #keepLeads({ sequences, firstSlot }: DecodePlan): void {
    const { slots, prefixes } = this.#caches;
    let slot = firstSlot;
    for (const sequence of sequences) {
      const first = slot;
      slot += sequence.rows;
      if (sequence.done + 1 !== sequence.lead || sequence.lead === sequence.total || prefixes.hasLead(sequence)) continue;
      prefixes.keepLead(sequence, sequence.input.prefixes.map((_, row) => slots.read(first + row, sequence.cacheLength(row) + 1)));
    }
  }

  async #decode(plan: DecodePlan): Promise<readonly Drawn[]> {
    const { input, lengths } = this.#layOut(plan);
    const { logits, hidden } = await this.#model.decode(input, lengths, this.#caches.slots.view(plan.firstSlot, plan.rows), hasDeterministic(plan));
    this.#keepLeads(plan);
    const first = this.#draw(plan, logits, 0);
    if (plan.sequences.every((sequence) => sequence.nextForced !== undefined)) {
      return plan.sequences.map((sequence, i) => ({ sequence, a: first[i] as number, b: this.#given(sequence, 1) as number }));
    }
    // Both rows of a guided pair go on with the same token.
    const a = new BigInt64Array(plan.rows);
    let row = 0;
    plan.sequences.forEach((sequence, i) => a.fill(BigInt(first[i] as number), row, (row += sequence.rows)));
    const second = this.#draw(plan, await this.#head(plan, hidden, a), 1);
    return plan.sequences.map((sequence, i) => ({ sequence, a: first[i] as number, b: second[i] as number }));
  }

  /** Logits of sub-token b `[B, n]`. A head that depends on its batch runs for each sequence by itself once one of them is deterministic. */
  async #head({ sequences, rows }: DecodePlan, hidden: Float32Array, a: BigInt64Array): Promise<Float32Array> {
    if (this.#headInvariant || !hasDeterministic({ sequences })) return await this.#model.head(hidden, a);
    const width = hidden.length / rows;
    const parts: Float32Array[] = [];
    let row = 0;
    for (const sequence of sequences) {
      const end = row + sequence.rows;
      parts.push(await this.#model.head(hidden.slice(row * width, end * width), a.slice(row, end)));
      row = end;
    }
    const size = (parts[0] as Float32Array).length / (sequences[0] as Sequence).rows;
    const logits = new Float32Array(rows * size);
    let at = 0;
    for (const part of parts) {
      logits.set(part, at);
      at += part.length;
    }
    return logits;
  }

  /** What the step is told, and `lengths` `[B]`; the rows of one sequence ask for the same position. Padding repeats the last row. */
  #layOut({ sequences, rows }: DecodePlan): { readonly input: StepInput; readonly lengths: Int32Array } {
    const input = this.#grid.emptyInput(rows);
    const lengths = new Int32Array(rows);
    let row = 0;
    for (const sequence of sequences) {
      const first = row;
      for (; row < first + sequence.rows; row += 1) {
        lengths[row] = sequence.cacheLength(row - first);
        if (row === first) this.#grid.write({ codes: sequence.codes, condition: sequence.input.condition }, sequence.done, input, row);
        else this.#grid.repeat(input, first, row);
      }
    }
    for (; row < rows; row += 1) {
      lengths[row] = lengths[row - 1] as number;
      this.#grid.repeat(input, row - 1, row);
    }
    return { input, lengths };
  }

  #given(sequence: Sequence, subToken: 0 | 1): number | undefined {
    const code = sequence.nextForced;
    return code === undefined ? undefined : this.#grid.split(code)[subToken];
  }

  /** One sub-token per sequence, given or from `logits` `[B, n]`. The task mask applies to sub-token a; every b is legal. */
  #draw({ sequences, rows }: DecodePlan, logits: Float32Array, subToken: 0 | 1): number[] {
    const width = logits.length / rows;
    let row = 0;
    return sequences.map((sequence) => {
      const { input, done, rows: own } = sequence;
      const [conditional, unconditional] = [row, row + 1].map((at) => {
        const all = logits.subarray(at * width, (at + 1) * width);
        return subToken === 0 ? legalLogits(all, input.spec.outputRange) : all;
      }) as [Float32Array, Float32Array];
      row += own;
      const given = this.#given(sequence, subToken);
      if (given !== undefined) return given;
      const uniform = new CounterRandom(input.seed, input.candidate).uniform((input.firstPosition ?? 0) + done, subToken);
      return this.#sampler.sample(conditional, own === 2 ? unconditional : undefined, input.sampling, uniform);
    });
  }
}

function hasDeterministic({ sequences }: Pick<DecodePlan, 'sequences'>): boolean {
  return sequences.some((sequence) => sequence.input.sampling.deterministic);
}
