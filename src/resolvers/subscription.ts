import { CinegraphError } from '../errors.ts';
import type { SubscriptionResolvers } from '../generated/graphql.ts';
import type { Context } from './context.ts';
import type { JobEventRecord } from '../services/contract.ts';
import { cancelable } from './cancelable.ts';
import { keyOf } from './global-id.ts';

export const Subscription: SubscriptionResolvers = {
  jobEvents: {
    async subscribe(_root, { jobId, afterSeq }, context) {
      const after = afterSeq ?? 0;
      if (after < 0) {
        throw new CinegraphError('INVALID_INPUT', `afterSeq is ${after}; it must be 0 or the number of an event.`, { field: ['afterSeq'] });
      }
      const controller = new AbortController();
      const events = await context.services.jobs.events(context.viewer, keyOf('Job', jobId, ['jobId']), after, controller.signal);
      return cancelable(events, controller);
    },
    resolve: freshly,
  },
  activity: {
    async subscribe(_root, { after }, context) {
      const controller = new AbortController();
      const place = after == null ? null : { jobId: keyOf('Job', after.jobId, ['after', 'jobId']), seq: after.seq };
      return cancelable(await context.services.jobs.activity(context.viewer, place, controller.signal), controller);
    },
    resolve: freshly,
  },
};

function freshly(event: JobEventRecord, _args: unknown, context: Context): JobEventRecord {
  // One operation spans many events: values loaded for an earlier one are stale.
  context.renewLoaders();
  return event;
}
