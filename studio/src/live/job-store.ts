import type { CinegraphClient, Job, JobHandle } from '../../../src/client/index.ts';
import { QueuePlacesDocument } from '../generated/operations.ts';
import { applyEvent, liveJob, TERMINAL, type LiveJob } from './live-job.ts';

/** The jobs that the page follows, the newest first. Owner of their subscriptions. */
export interface JobStore {
  subscribe(listener: () => void): () => void;
  /** The same array until something changes. */
  snapshot(): readonly LiveJob[];
  /** Follows a job from its first event on, so that a reload shows what was there before. Twice is once. */
  follow(job: Job): void;
  /** Sends a request and follows what comes of it. */
  start(request: () => Promise<JobHandle>): Promise<Job>;
  /** Follows a job that is known by its id only. False: there is no such job. */
  open(id: string): Promise<boolean>;
  /** Follows every job that is waiting or running. Rejects nothing: what is wrong with the server is told where somebody asks it for something. */
  adoptRunning(): Promise<void>;
  cancel(id: string): Promise<void>;
  retry(id: string): Promise<Job>;
  /** Follows a job again whose events were given up. */
  resume(id: string): void;
  /** Takes a job that has ended off the list. */
  dismiss(id: string): void;
  /** Called when an output is stored or a job ends: lists on screen are old then. */
  onOutput(listener: () => void): () => void;
}

/** Ended jobs that stay on the list: their frames are kept in memory. */
const MAX_ENDED = 12;
const MAX_ADOPTED = 50;
/** How often the places of waiting jobs are asked for. */
const PLACES_EVERY_MS = 2_000;
const MAX_PLACES = 100;
/** The server may be restarted for longer than a coffee takes. */
const GIVE_UP_AFTER_MS = 15 * 60_000;

const isWaiting = ({ status }: LiveJob): boolean => status === 'QUEUED';

type Place = Pick<LiveJob, 'queuePosition' | 'etaMs'>;
const LEFT: Place = { queuePosition: null, etaMs: null };

function isMoved(job: LiveJob, place: Place | undefined): boolean {
  return place !== undefined && isWaiting(job) && (job.queuePosition !== place.queuePosition || job.etaMs !== place.etaMs);
}

export function createJobStore(client: CinegraphClient): JobStore {
  const listeners = new Set<() => void>();
  const outputListeners = new Set<() => void>();
  const following = new Map<string, AbortController>();
  let jobs: readonly LiveJob[] = [];
  let counting = false;

  const set = (next: readonly LiveJob[]) => {
    jobs = next;
    for (const listener of listeners) listener();
    if (!counting && jobs.some(isWaiting)) void countDown();
  };
  const update = (id: string, change: (job: LiveJob) => LiveJob) => set(jobs.map((job) => (job.id === id ? change(job) : job)));

  /** Asks for the places of what waits, again and again, until nothing does. What goes wrong is told by the events' own connection. */
  async function countDown(): Promise<void> {
    counting = true;
    while (jobs.some(isWaiting)) {
      const asked = new Set(jobs.filter(isWaiting).map(({ id }) => id));
      const page = await client.request(QueuePlacesDocument, { first: MAX_PLACES }).catch(() => null);
      const nodes = page?.jobs.nodes ?? [];
      const places = new Map<string, Place>(nodes.map(({ id, progress }) => [id, progress]));
      // Who waited before and is not among those who wait has left the queue; the event that says so comes with the first step of the model.
      if (page !== null && nodes.length < MAX_PLACES) for (const id of asked) if (!places.has(id)) places.set(id, LEFT);
      if (jobs.some((job) => isMoved(job, places.get(job.id)))) set(jobs.map((job) => (isWaiting(job) ? { ...job, ...places.get(job.id) } : job)));
      await new Promise((resolve) => setTimeout(resolve, PLACES_EVERY_MS));
    }
    counting = false;
  }

  function forgetOldest(): void {
    const ended = jobs.filter(({ status }) => TERMINAL.has(status));
    for (const job of ended.slice(MAX_ENDED)) store.dismiss(job.id);
  }

  async function watch(id: string, signal: AbortSignal): Promise<void> {
    try {
      const onConnection = (connection: 'open' | 'lost') => update(id, (job) => ({ ...job, connection }));
      for await (const event of client.watchJob(id, { previews: true, signal, giveUpAfterMs: GIVE_UP_AFTER_MS, onConnection })) {
        update(id, (job) => ({ ...applyEvent(job, event), connection: 'open' }));
        if (event.__typename === 'AssetReady' || event.__typename === 'JobFinished') for (const listener of outputListeners) listener();
      }
    } catch (error) {
      if (signal.aborted) return;
      update(id, (job) => ({ ...job, connection: 'lost', unheard: error }));
    }
  }

  const store: JobStore = {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => jobs,
    follow(job) {
      if (following.has(job.id)) return;
      const controller = new AbortController();
      following.set(job.id, controller);
      set([liveJob(job), ...jobs].sort((a, b) => b.createdAt.localeCompare(a.createdAt)));
      forgetOldest();
      void watch(job.id, controller.signal);
    },
    async start(request) {
      const { job } = await request();
      store.follow(job);
      return job;
    },
    async open(id) {
      if (following.has(id)) return true;
      const job = await client.job(id);
      if (job !== null) store.follow(job);
      return job !== null;
    },
    async adoptRunning() {
      const running = client.jobs({ pageSize: MAX_ADOPTED, filter: { status: ['QUEUED', 'RUNNING'] } });
      const { nodes } = await running.page().catch(() => ({ nodes: [] }));
      for (const job of nodes) store.follow(job);
    },
    resume(id) {
      const controller = new AbortController();
      following.get(id)?.abort();
      following.set(id, controller);
      update(id, (job) => ({ ...job, unheard: null }));
      void watch(id, controller.signal);
    },
    async cancel(id) {
      await client.cancel(id);
    },
    async retry(id) {
      return store.start(() => client.retry(id));
    },
    dismiss(id) {
      following.get(id)?.abort();
      following.delete(id);
      set(jobs.filter((job) => job.id !== id));
    },
    onOutput(listener) {
      outputListeners.add(listener);
      return () => outputListeners.delete(listener);
    },
  };
  return store;
}
