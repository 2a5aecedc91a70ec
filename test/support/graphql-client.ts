import { createClient as createSseClient } from 'graphql-sse';
import { createCinegraphClient, type JobEvent } from '../../src/client/index.ts';
import { JobEventsDocument } from '../../src/client/generated/operations.ts';

export { graphql } from './fake-server.ts';

/** All events of a job, through the typed client. */
export async function allEvents(url: string, jobId: string, afterSeq = 0): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of createCinegraphClient({ url }).watchJob(jobId, { afterSeq })) events.push(event);
  return events;
}

/** All events of a job, over server-sent events. */
export async function allSseEvents(url: string, jobId: string): Promise<JobEvent[]> {
  const client = createSseClient({ url: `${url}/graphql/stream`, retryAttempts: 0 });
  const events: JobEvent[] = [];
  try {
    for await (const { data } of client.iterate<{ jobEvents: JobEvent }>({ query: JobEventsDocument.toString(), variables: { jobId, afterSeq: 0, previews: true } })) {
      if (data != null) events.push(data.jobEvents);
    }
  } finally {
    client.dispose();
  }
  return events;
}

/** What two readers of one stream must agree on; signed URLs differ by their expiry. */
export function outline(events: readonly JobEvent[]): readonly (readonly [number, string])[] {
  return events.map((event) => [event.seq, event.__typename]);
}

/** The digest of the pixels of a finished job's first output. */
export function framesDigest(events: readonly JobEvent[]): string | null {
  const last = events.at(-1);
  const [asset] = last?.__typename === 'JobFinished' ? last.job.outputs : [];
  return asset !== undefined && 'framesSha256' in asset ? asset.framesSha256 : null;
}
