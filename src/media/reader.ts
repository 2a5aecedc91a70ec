import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { CinegraphError } from '../errors.ts';
import type { MediaLog } from './clip.ts';
import type { UploadKind } from './media-kinds.ts';
import { READ_DEADLINE_MS } from './media-limits.ts';
import { type Loss, ProcessPool } from './process-pool.ts';
import { type Conversion, type Converted, type DecodedFrames, type DecodedPcm, type Fit, type Inspected, type ReadReply, type ReadRequest, readReply, type SpriteLayout } from './reader-messages.ts';

/** Files that may wait for a reader process; one more is refused with MEDIA_BUSY. */
const MOST_WAITING = 32;
const IDLE_MS = 60_000;

/** Bytes of a stored asset, as the asset service and the blob store open them. */
export interface MediaBytes {
  readonly byteSize: number;
  /** start and end inclusive. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface DecodeInputOptions {
  /** Size of the frames, pixels. */
  readonly width: number;
  readonly height: number;
  /** Frames per second, resampled from the file's own. An image is one frame. */
  readonly fps: number;
  /** Frames to give at most; 64 MiB of raw bytes is the other bound. */
  readonly maxFrames: number;
  /** Start of the first frame within the clip, ms. Default 0. */
  readonly fromMs?: number;
  /** What happens to a picture of another shape. */
  readonly fit: Fit;
}

type Wish = ReadRequest extends infer R ? (R extends { readonly id: number; readonly file: string } ? Omit<R, 'id' | 'file' | 'sound'> : never) : never;

/**
 * Reads files of strangers in killable processes with a memory limit and a deadline. Every method throws MEDIA_TYPE_NOT_SUPPORTED,
 * MEDIA_TOO_LARGE, MEDIA_CORRUPT (also when the process died over the file), MEDIA_TIMEOUT or MEDIA_BUSY.
 */
export class Reader {
  readonly #pool: ProcessPool<ReadReply>;
  /** Also bounds the temporary files: one for each process, or two. */
  readonly #gate;
  readonly #log: MediaLog;

  constructor({ size, log, deadlineMs = READ_DEADLINE_MS }: { readonly size: number; readonly log: MediaLog; readonly deadlineMs?: number }) {
    const entry = fileURLToPath(new URL('./reader-process.ts', import.meta.url));
    this.#pool = new ProcessPool({ name: 'a reader', entry, size, log, deadlineMs, idleMs: IDLE_MS, parse: message => readReply.parse(message), lost });
    this.#gate = pLimit(size);
    this.#log = log;
  }

  /** Pids of the reader processes, for tests that kill one. */
  get pids(): readonly number[] {
    return this.#pool.pids;
  }

  /** What the file is, with its thumbnail. */
  async inspect(source: MediaBytes, kind: UploadKind): Promise<Inspected> {
    return expectReply(await this.#read(source, { type: 'inspect', kind }), 'inspected');
  }

  async frames(source: MediaBytes, { fromMs = 0, ...options }: DecodeInputOptions): Promise<DecodedFrames> {
    return expectReply(await this.#read(source, { type: 'frames', fromMs, ...options }), 'frames');
  }

  async pcm(source: MediaBytes, options: { readonly sampleRateHz: number; readonly maxSamples: number }): Promise<DecodedPcm> {
    return expectReply(await this.#read(source, { type: 'pcm', ...options }), 'pcm');
  }

  async convert(source: MediaBytes, to: Conversion, layout: SpriteLayout | undefined): Promise<Converted> {
    return expectReply(await this.#read(source, { type: 'convert', to, ...(layout === undefined ? {} : { layout }) }), 'converted');
  }

  /** The clip with another sound track, MP4. */
  async addSound(clip: MediaBytes, sound: MediaBytes): Promise<Converted> {
    return expectReply(await this.#read(clip, { type: 'sound' }, sound), 'converted');
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #read(source: MediaBytes, wish: Wish, sound?: MediaBytes): Promise<ReadReply> {
    if (this.#gate.pendingCount >= MOST_WAITING) throw new CinegraphError('MEDIA_BUSY');
    const run = (file: string): Promise<ReadReply> => (sound === undefined ? this.#pool.run({ ...wish, file }) : withFile(sound, second => this.#pool.run({ ...wish, file, sound: second })));
    const reply = await this.#gate(() => withFile(source, run));
    if (reply.type === 'refused') throw new CinegraphError(reply.code, reply.message);
    if (reply.type === 'failed') {
      this.#log.error({ fault: reply.message, request: wish.type }, 'a reader process failed');
      throw new CinegraphError('INTERNAL');
    }
    return reply;
  }
}

/** Hands the bytes over as a file of its own, which is gone afterwards. */
async function withFile<T>({ byteSize, read }: MediaBytes, use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'cinegraph-read-'));
  try {
    const file = join(folder, 'input');
    await pipeline(byteSize === 0 ? [] : read(0, byteSize - 1), createWriteStream(file));
    return await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Values {
  readonly inspected: Inspected;
  readonly frames: DecodedFrames;
  readonly pcm: DecodedPcm;
  readonly converted: Converted;
}

function expectReply<T extends keyof Values>(reply: ReadReply, type: T): Values[T] {
  if (reply.type !== type || !('value' in reply)) throw new Error(`the reader process answered ${reply.type} instead of ${type}`);
  return reply.value as Values[T];
}

function lost(loss: Loss): Error {
  switch (loss.why) {
    case 'deadline':
      return new CinegraphError('MEDIA_TIMEOUT');
    case 'ended':
      return new CinegraphError('MEDIA_CORRUPT', `The file cannot be decoded within the bounds of one file: its process ended (${loss.how}).`);
    case 'closed':
      return new CinegraphError('MEDIA_BUSY', 'The server is stopping.');
    case 'start':
      return new CinegraphError('INTERNAL', 'The reader process cannot be started.');
  }
}
