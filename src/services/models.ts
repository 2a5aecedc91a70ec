import type { Queryable } from '../db/blobs/blob-store.ts';
import { withDeadline } from '../deadline.ts';
import { CinegraphError } from '../errors.ts';
import type { BundleInfo, InferenceClient, InferenceInfo } from '../inference/core/generation.ts';
import { listWorkers } from '../jobs/workers/worker-registry.ts';

/** How long a mutation waits for a model that is still loading, in ms. */
const WAIT_MS = 5_000;
const FRESH_MS = 1_000;

/** The model of this process, as far as there is one. */
export type LocalModel = Pick<InferenceClient, 'info' | 'ready'>;

/**
 * The models that jobs can be made with: the one of this process, and those of the workers. A model's limits do not change while its process
 * restarts: once known, jobs are taken meanwhile.
 */
export class Models {
  readonly #pool: Queryable;
  readonly #local: LocalModel | undefined;
  #known: readonly BundleInfo[] = [];
  #read: { readonly at: number; readonly infos: Promise<readonly InferenceInfo[]> } | undefined;

  constructor(pool: Queryable, local: LocalModel | undefined) {
    this.#pool = pool;
    this.#local = local;
  }

  /** The model of this process, where there is one. */
  get here(): readonly InferenceInfo[] {
    const info = this.#local?.info;
    return info === undefined ? [] : [info];
  }

  /** What can be used now: that of this process first, then the workers' of longest standing. One of each name, a second old at most. */
  async loaded(): Promise<readonly InferenceInfo[]> {
    if (this.#read === undefined || performance.now() - this.#read.at > FRESH_MS) {
      const read = { at: performance.now(), infos: this.#list() };
      this.#read = read;
      read.infos.catch(() => (this.#read = undefined));
    }
    return this.#read.infos;
  }

  /** The one of this name; without a name, the first. For an unknown name the first too: the input's check refuses it. Throws INFERENCE_UNAVAILABLE. */
  async bundle(name: string | null | undefined): Promise<BundleInfo> {
    const local = this.#local?.info?.bundle;
    // The way of a single process: nothing is read.
    if (local !== undefined && (name == null || name === local.name)) {
      if (this.#known[0] !== local) this.#known = [local, ...this.#known.filter(known => known.name !== local.name)];
      return local;
    }
    const now = (await this.loaded()).map(({ bundle }) => bundle);
    this.#known = [...now, ...this.#known.filter(known => !now.some(bundle => bundle.name === known.name))];
    const found = this.#known.find(bundle => bundle.name === name) ?? this.#known[0];
    if (found !== undefined) return found;
    const info = this.#local === undefined ? undefined : await withDeadline(this.#local.ready(), WAIT_MS, undefined);
    if (info === undefined) throw new CinegraphError('INFERENCE_UNAVAILABLE');
    this.#known = [info.bundle];
    return info.bundle;
  }

  async #list(): Promise<readonly InferenceInfo[]> {
    const workers = await listWorkers(this.#pool);
    const infos = workers.flatMap(({ state, info }) => (state === 'READY' && info !== null ? [info] : []));
    const all = [...this.here, ...infos];
    return all.filter((info, index) => all.findIndex(({ bundle }) => bundle.name === info.bundle.name) === index);
  }
}
