/** What describes tokens to the language model (docs/BUNDLE.md, "Language model"): `N` of them, of a prefix or of the rows of a step. */
export interface StepInput {
  /** `[N, 3 + C]` rows of the embedding table. */
  readonly rowIds: BigInt64Array;
  /** `[N, C]` video codes of the contexts. */
  readonly codeIds: BigInt64Array;
  /** `[N, A]` audio codes; empty where the model has no sound. */
  readonly audioIds: BigInt64Array;
}

/** The tokens that every output attends to. */
export interface Prefix extends StepInput {
  /** `P` */
  readonly length: number;
}
