import { fileURLToPath } from 'node:url';
import { CinegraphError } from '../../errors.ts';
import type { MediaLog } from '../clip.ts';
import { type Loss, ProcessPool } from '../process-pool.ts';
import type { SigningIdentity } from './cose.ts';
import { type Claim, type CredentialsReply, credentialsReply, type Provenance } from './messages.ts';

export type { Claim, Provenance } from './messages.ts';

/** Files that can carry a signature: what C2PA has a place for, of what is made here. */
const SIGNED = new Set(['video/mp4', 'audio/wav', 'image/png', 'image/webp']);
/** Of strangers too. */
const READ = new Set([...SIGNED, 'image/jpeg', 'image/avif', 'image/gif', 'video/quicktime', 'audio/mp4', 'audio/mpeg']);
/** Larger files are neither signed nor read: they are held in memory twice. 128 MiB. */
const MOST_BYTES = 1 << 27;
const DEADLINE_MS = 60_000;
const IDLE_MS = 60_000;

export interface CredentialsOptions {
  readonly log: MediaLog;
  /** Who signs; undefined: nobody, and nothing is signed. */
  readonly identity: (() => Promise<SigningIdentity>) | undefined;
  /** Longest task, in ms; the process is killed then. */
  readonly deadlineMs?: number;
}

/** Signs what was made here, and reads what files claim (content credentials, C2PA). Owner: the composition root, which closes it. */
export class Credentials {
  readonly #pool: ProcessPool<CredentialsReply>;
  readonly #identity: CredentialsOptions['identity'];
  #known: Promise<SigningIdentity> | undefined;

  constructor({ log, identity, deadlineMs = DEADLINE_MS }: CredentialsOptions) {
    const entry = fileURLToPath(new URL('./credentials-process.ts', import.meta.url));
    this.#pool = new ProcessPool({ name: 'a credentials', entry, size: 1, log, deadlineMs, idleMs: IDLE_MS, parse: message => credentialsReply.parse(message), lost });
    this.#identity = identity;
  }

  /** Whether {@link sign} takes such a file. */
  signs(contentType: string, byteSize: number): boolean {
    return this.#identity !== undefined && SIGNED.has(contentType) && byteSize <= MOST_BYTES;
  }

  /** The same media with a signed claim of where it is from. Two calls give different bytes. Throws INTERNAL and CONFIG_INVALID. */
  async sign(bytes: Buffer, contentType: string, provenance: Provenance): Promise<Buffer> {
    if (this.#identity === undefined) throw new Error('there is nobody to sign');
    this.#known ??= this.#identity();
    const identity = await this.#known.catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    const reply = await this.#pool.run({ type: 'sign', bytes, contentType, provenance, identity });
    if (reply.type === 'signed') return Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.byteLength);
    throw new CinegraphError('INTERNAL', reply.type === 'failed' ? `The file cannot be signed: ${reply.message}` : 'The credentials process said something else.');
  }

  /** What the file claims; null when it claims nothing, or is of a kind or length that is not read. A file that breaks the reader claims nothing that holds. */
  async read(bytes: Buffer, contentType: string): Promise<Claim | null> {
    if (!READ.has(contentType) || bytes.byteLength > MOST_BYTES) return null;
    const reply = await this.#pool.run({ type: 'read', bytes, contentType }).catch(() => undefined);
    return reply?.type === 'read' ? reply.claim : { state: 'INVALID', generator: null, issuer: null, signedAt: null, synthetic: false };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

function lost(loss: Loss): Error {
  const how = loss.why === 'ended' ? `ended (${loss.how})` : loss.why === 'deadline' ? 'did not end in time' : loss.why === 'closed' ? 'is closed' : 'cannot be started';
  return new CinegraphError('INTERNAL', `The process for content credentials ${how}.`);
}
