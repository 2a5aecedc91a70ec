import { fileURLToPath } from 'node:url';
import { CinegraphError } from '../errors.ts';
import { type ClipInput, type EncodeReply, type EncodedClip, type MediaLog, encodeReply } from './clip.ts';
import { type Loss, ProcessPool } from './process-pool.ts';

const ENCODE_DEADLINE_MS = 60_000;

export interface EncoderPoolOptions {
  /** Encoder processes, each kept warm. */
  readonly size: number;
  readonly log: MediaLog;
  /** Longest encode, in ms; the process is killed then. */
  readonly deadlineMs?: number;
  /** The processes start when it resolves, or with the first clip. Default: at once. */
  readonly warmFrom?: Promise<unknown> | undefined;
}

/** Warm, killable encoder processes for frames of our own making. */
export class EncoderPool {
  readonly #pool: ProcessPool<EncodeReply>;

  constructor({ size, log, deadlineMs = ENCODE_DEADLINE_MS, warmFrom }: EncoderPoolOptions) {
    const entry = fileURLToPath(new URL('./encoder-process.ts', import.meta.url));
    this.#pool = new ProcessPool({ name: 'an encoder', entry, size, log, deadlineMs, warmFrom, parse: message => encodeReply.parse(message), lost });
  }

  /** Pids of the encoder processes, for tests that kill one. */
  get pids(): readonly number[] {
    return this.#pool.pids;
  }

  /** Encodes in a free process, or waits for one. Rejects with INTERNAL when the process failed, crashed or hung. */
  async encode(clip: ClipInput): Promise<EncodedClip> {
    const reply = await this.#pool.run(clip);
    if (reply.type === 'encoded') return { bytes: Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.byteLength), probe: reply.probe };
    throw new CinegraphError('INTERNAL', reply.type === 'failed' ? `The clip cannot be encoded: ${reply.message}` : 'The encoder process said something else.');
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

function lost(loss: Loss): Error {
  switch (loss.why) {
    case 'ended':
      return new CinegraphError('INTERNAL', `The encoder process ended (${loss.how}).`);
    case 'deadline':
      return new CinegraphError('INTERNAL', 'The encoder process did not end in time.');
    case 'closed':
      return new CinegraphError('INTERNAL', 'The encoders are closed.');
    case 'start':
      return new CinegraphError('INTERNAL', 'The encoder process cannot be started.');
  }
}
