/** What a viewer may do and has left, as `Query.viewer` tells it. Undefined or null: no limit. */
export interface Allowance {
  readonly cost: number;
  readonly pointsPerMinute: number | undefined;
  readonly activeJobs: number | undefined;
  readonly tokensPerDay: number | undefined;
  readonly connectionsPerViewer: number;
  readonly operationsPerSocket: number;
}

/** What is left of an owner's points. Null: there is no limit. */
export interface PointsLeft {
  readonly remaining: number | null;
  /** Milliseconds until all points are there again. */
  readonly resetsInMs: number | null;
}

/** Known to the server, told to the resolvers. */
export interface Standing {
  readonly limits: Allowance;
  points(): Promise<PointsLeft>;
}
