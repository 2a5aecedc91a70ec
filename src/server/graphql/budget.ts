import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { CinegraphError } from '../../errors.ts';
import type { Caller } from '../../services/access/caller.ts';
import type { PointsLeft } from '../../services/access/standing.ts';

const WINDOW_SECONDS = 60;

/** `extensions.cost` of an answer, in points. */
export interface CostReport extends PointsLeft {
  readonly requested: number;
  /** The most that one operation may cost. */
  readonly maximum: number;
}

export interface BudgetLimits {
  /** Points of one operation. */
  readonly cost: number;
  /** Points of one owner, all its credentials together, in a minute. Undefined: no limit. */
  readonly pointsPerMinute: number | undefined;
}

/** Points that owners may spend, kept in the memory of this process. */
export interface Budget {
  /** Throws DOCUMENT_TOO_COMPLEX or RATE_LIMITED; then nothing has been spent that the next minute would miss. */
  spend(caller: Caller, cost: number): Promise<CostReport>;
  left(caller: Caller): Promise<PointsLeft>;
}

export function createBudget({ cost: maximum, pointsPerMinute }: BudgetLimits): Budget {
  const limiter = pointsPerMinute === undefined ? undefined : new RateLimiterMemory({ points: pointsPerMinute, duration: WINDOW_SECONDS });
  return {
    async spend(caller, requested) {
      if (requested > maximum) {
        throw new CinegraphError('DOCUMENT_TOO_COMPLEX', `The operation may return ${requested} objects; ${maximum} are allowed. Ask for smaller pages, or for less of each item.`);
      }
      if (limiter === undefined) return { requested, maximum, remaining: null, resetsInMs: null };
      const state = await limiter.consume(caller.ownerId, requested).catch((refusal: unknown) => {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        throw new CinegraphError('RATE_LIMITED', `The operation costs ${requested} points; of ${pointsPerMinute} per minute not enough are left. Wait ${Math.ceil(refusal.msBeforeNext / 1000)} s.`, { retryAfterMs: refusal.msBeforeNext });
      });
      return { requested, maximum, remaining: state.remainingPoints, resetsInMs: state.msBeforeNext };
    },
    async left(caller) {
      if (limiter === undefined || pointsPerMinute === undefined) return { remaining: null, resetsInMs: null };
      const state = await limiter.get(caller.ownerId);
      return state === null ? { remaining: pointsPerMinute, resetsInMs: 0 } : { remaining: Math.max(0, state.remainingPoints), resetsInMs: state.msBeforeNext };
    },
  };
}
