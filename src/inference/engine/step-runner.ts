/** Runs one planned step: the graphs, then the drawing of tokens. Changes the caches, and of the sequences their guesses alone. */
import type { PrefixCache } from '../core/cache-view.ts';
import type { Sequence } from '../core/sequence.ts';
import type { Prefix, StepInput } from '../core/step-input.ts';
import type { Caches } from '../kv-cache/caches.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { legalLogits } from '../sampling/logits.ts';
import type { StepPlan } from '../scheduler/scheduler.ts';
import { AudioOutput } from '../tokenizers/audio-output.ts';
import { TextOutput } from '../tokenizers/text-output.ts';
import type { TokenLayout } from '../tokenizers/token-layout.ts';
import { VideoOutput } from '../tokenizers/video-output.ts';
import { STREAM, type CodeDrawer } from './code-drawer.ts';
import type { JacobiDecoder } from './jacobi-decoder.ts';
import { LeadRunner } from './lead-runner.ts';

/** The code of a sequence's next position, drawn or given; several of one sequence follow each other. */
export interface Drawn {
  readonly sequence: Sequence;
  readonly code: number;
}

type PrefillPlan = Extract<StepPlan, { type: 'prefill' }>;
type DecodePlan = Extract<StepPlan, { type: 'decode' }>;
type AheadPlan = Extract<StepPlan, { type: 'ahead' }>;

/** A sequence whose next code is to be drawn, and its first row in the step. */
interface Turn<Kind> {
  readonly sequence: Sequence;
  readonly output: Kind;
  readonly row: number;
}

export interface StepRunnerOptions {
  readonly headInvariant: boolean;
  /** How many sub-tokens b there are. */
  readonly subCodes: number;
  readonly drawer: CodeDrawer;
  /** Draws several positions of a clip in a run; undefined: a step draws one of each sequence. */
  readonly jacobi: JacobiDecoder | undefined;
}

export class StepRunner {
  readonly #model: LanguageModel;
  readonly #caches: Caches;
  readonly #layout: TokenLayout;
  readonly #headInvariant: boolean;
  readonly #drawer: CodeDrawer;
  readonly #jacobi: JacobiDecoder | undefined;
  readonly #subCodes: number;
  readonly #leads: LeadRunner;

  constructor(model: LanguageModel, caches: Caches, layout: TokenLayout, { headInvariant, subCodes, drawer, jacobi }: StepRunnerOptions) {
    this.#model = model;
    this.#caches = caches;
    this.#layout = layout;
    this.#headInvariant = headInvariant;
    this.#subCodes = subCodes;
    this.#drawer = drawer;
    this.#jacobi = jacobi;
    this.#leads = new LeadRunner(model, caches.slots.shape, layout);
  }

  async run(plan: StepPlan): Promise<readonly Drawn[]> {
    switch (plan.type) {
      case 'prefill':
        return await this.#prefill(plan);
      case 'decode':
        return await this.#decode(plan);
      case 'ahead':
        return await this.#drawAhead(plan);
    }
  }

  /**
   * Stages the sequence's next row, or all that are known; the last one fills its slots. Slots are written all at once: until then a step's
   * padding may lie there. Draws nothing: the first output position after the codes that were given with it is the first decode step.
   */
  async #prefill({ sequence, firstSlot }: PrefillPlan): Promise<readonly Drawn[]> {
    const { slots, staged, prefixes } = this.#caches;
    if (staged.count(sequence) < sequence.rows) {
      const lead = staged.count(sequence) === 0 ? prefixes.lead(sequence) : undefined;
      staged.add(sequence, lead ?? [await this.#beginning(sequence, staged.count(sequence))]);
    }
    if (staged.count(sequence) < sequence.rows) return [];
    const rows = await Promise.all(staged.take(sequence).map(async (row) => await row));
    rows.forEach((row, i) => slots.write(firstSlot + i, row));
    const given = (rows[0]?.length ?? 0) - sequence.cacheLength(0);
    if (given > 0 && !prefixes.hasLead(sequence)) prefixes.keepLead(sequence, rows);
    return Array.from({ length: given }, (_, i) => ({ sequence, code: sequence.givenAt(sequence.done + i) ?? 0 }));
  }

  /** A row's prefix and what it is given after it. */
  async #beginning(sequence: Sequence, row: number): Promise<PrefixCache> {
    return await this.#leads.extend(sequence, await this.#prefix(sequence, row));
  }

  async #prefix(sequence: Sequence, row: number): Promise<PrefixCache> {
    const { prefixes } = this.#caches;
    const known = prefixes.prefix(sequence, row);
    if (known !== undefined) return known;
    const computed = await this.#model.prefill(sequence.input.prefixes[row] as Prefix);
    prefixes.keepPrefix(sequence, row, computed);
    return computed;
  }

  /** Keeps what a sequence was given once the step at its end is done, for others that are given the same. */
  async #keepLeads({ sequences, firstSlot }: DecodePlan): Promise<void> {
    const { slots, prefixes } = this.#caches;
    let slot = firstSlot;
    for (const sequence of sequences) {
      const first = slot;
      slot += sequence.rows;
      if (sequence.done + 1 !== sequence.lead || sequence.lead === sequence.total || prefixes.hasLead(sequence)) continue;
      prefixes.keepLead(sequence, await Promise.all(sequence.input.prefixes.map(async (_, row) => await slots.read(first + row, sequence.cacheLength(row) + 1))));
    }
  }

  /** Several positions of each sequence. */
  async #drawAhead({ turns }: AheadPlan): Promise<readonly Drawn[]> {
    if (this.#jacobi === undefined) throw new Error('nobody draws several positions in a run');
    const codes = await this.#jacobi.run(turns);
    return turns.flatMap(({ sequence }, i) => (codes[i] as readonly number[]).map((code) => ({ sequence, code })));
  }

  async #decode(plan: DecodePlan): Promise<readonly Drawn[]> {
    const { input, lengths } = this.#layOut(plan);
    const { logits, hidden } = await this.#model.decode(input, lengths, this.#caches.slots.view(plan.firstSlot, plan.rows), hasDeterministic(plan));
    await this.#keepLeads(plan);
    return [
      ...plan.sequences.flatMap((sequence) => (sequence.nextGiven === undefined ? [] : [{ sequence, code: sequence.nextGiven }])),
      ...(await this.#drawVideo(plan, logits, hidden)),
      ...(await this.#drawAudio(plan, hidden)),
      ...(await this.#drawText(plan, hidden)),
    ];
  }

  /** Sub-token a, to which the task mask applies, then b, every one of which is legal. */
  async #drawVideo(plan: DecodePlan, logits: Float32Array, hidden: Float32Array): Promise<readonly Drawn[]> {
    const turns = turnsOf(plan, VideoOutput);
    if (turns.length === 0) return [];
    const first = turns.map((turn) => this.#draw(turn, plan, logits, STREAM.a, (row) => legalLogits(row, turn.output.spec.outputRange)));
    // Both rows of a guided pair go on with the same token.
    const a = new BigInt64Array(plan.rows);
    turns.forEach(({ sequence, row }, i) => a.fill(BigInt(first[i] as number), row, row + sequence.rows));
    const second = await this.#head(plan, hidden, (part, from, to) => this.#model.head(part, a.slice(from, to)));
    return turns.map((turn, i) => ({ sequence: turn.sequence, code: (first[i] as number) * this.#subCodes + this.#draw(turn, plan, second, STREAM.b) }));
  }

  async #drawAudio(plan: DecodePlan, hidden: Float32Array): Promise<readonly Drawn[]> {
    const turns = turnsOf(plan, AudioOutput);
    if (turns.length === 0) return [];
    const levels = new BigInt64Array(plan.rows);
    for (const { sequence, output, row } of turns) levels.fill(BigInt(output.level(sequence.done)), row, row + sequence.rows);
    const logits = await this.#head(plan, hidden, (part, from, to) => this.#model.audioHead(part, levels.slice(from, to)));
    return turns.map((turn) => ({ sequence: turn.sequence, code: this.#draw(turn, plan, logits, STREAM.audio) }));
  }

  /** The end of the text is the last entry; a text has at least one piece. */
  async #drawText(plan: DecodePlan, hidden: Float32Array): Promise<readonly Drawn[]> {
    const turns = turnsOf(plan, TextOutput);
    if (turns.length === 0) return [];
    const logits = await this.#head(plan, hidden, (part) => this.#model.textHead(part));
    return turns.map((turn) => {
      const legal = (row: Float32Array): Float32Array => (turn.sequence.done === 0 ? row.subarray(0, turn.output.end) : row);
      return { sequence: turn.sequence, code: this.#draw(turn, plan, logits, STREAM.text, legal) };
    });
  }

  /**
   * Logits `[B, n]` of a head for every row of the step, those that do not need it too: so its shape is that of the step. A head that depends on its batch runs for each sequence by
   * itself once one of them is deterministic.
   */
  async #head({ sequences, rows }: DecodePlan, hidden: Float32Array, run: (hidden: Float32Array, from: number, to: number) => Promise<Float32Array>): Promise<Float32Array> {
    if (this.#headInvariant || !hasDeterministic({ sequences })) return await run(hidden, 0, rows);
    const width = hidden.length / rows;
    const parts: Float32Array[] = [];
    let row = 0;
    for (const sequence of sequences) {
      const end = row + sequence.rows;
      parts.push(await run(hidden.slice(row * width, end * width), row, end));
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
    const input = this.#layout.empty(rows);
    const lengths = new Int32Array(rows);
    let row = 0;
    for (const sequence of sequences) {
      const first = row;
      for (; row < first + sequence.rows; row += 1) {
        lengths[row] = sequence.cacheLength(row - first);
        if (row === first) sequence.input.output.describe(sequence.done, input, row);
        else this.#layout.repeat(input, first, row);
      }
    }
    for (; row < rows; row += 1) {
      lengths[row] = lengths[row - 1] as number;
      this.#layout.repeat(input, row - 1, row);
    }
    return { input, lengths };
  }

  /** One token from the sequence's rows of `logits` `[B, n]`. */
  #draw({ sequence, row }: Turn<unknown>, { rows }: DecodePlan, logits: Float32Array, stream: number, legal = (all: Float32Array): Float32Array => all): number {
    const width = logits.length / rows;
    const own = Array.from({ length: sequence.rows }, (_, i) => legal(logits.subarray((row + i) * width, (row + i + 1) * width)));
    return this.#drawer.draw(sequence, sequence.done, stream, own);
  }
}

function hasDeterministic({ sequences }: Pick<DecodePlan, 'sequences'>): boolean {
  return sequences.some((sequence) => sequence.input.sampling.deterministic);
}

/** The sequences of one kind whose next code is to be drawn. */
function turnsOf<Kind>({ sequences }: DecodePlan, kind: abstract new (...options: never[]) => Kind): readonly Turn<Kind>[] {
  const turns: Turn<Kind>[] = [];
  let row = 0;
  for (const sequence of sequences) {
    const { output } = sequence.input;
    if (output instanceof kind && sequence.nextGiven === undefined) turns.push({ sequence, output, row });
    row += sequence.rows;
  }
  return turns;
}
