import { TransferError } from './errors.ts';
import { send, transferError, type HttpOptions } from './http.ts';
import { createOutage, pause } from './outage.ts';
import type { CreateUploadInput } from './types.ts';

export interface UploadProgress {
  /** Bytes that have arrived. */
  readonly sentBytes: number;
  readonly totalBytes: number;
}

/** What is not given is taken from the file: a `File` has a name and a type, a `Blob` a type. */
export interface UploadOptions extends Partial<Omit<CreateUploadInput, 'byteSize'>> {
  /** Called at the start, after each piece, and when all has arrived. */
  readonly onProgress?: (progress: UploadProgress) => void;
  readonly signal?: AbortSignal;
  /** Gives up when the server has been away for so long, ms. Default 60 000. */
  readonly giveUpAfterMs?: number;
}

const PIECE_BYTES = 512 * 1024;
const GIVE_UP_AFTER_MS = 60_000;

/** Sends the bytes in pieces; after a lost connection goes on where the server says. Throws TransferError, UnreachableError or the signal's reason. */
export async function sendBytes(http: HttpOptions, target: string, data: Blob, { onProgress, signal, giveUpAfterMs = GIVE_UP_AFTER_MS }: UploadOptions): Promise<void> {
  const outage = createOutage(http.url, giveUpAfterMs);
  const report = (sentBytes: number) => onProgress?.({ sentBytes, totalBytes: data.size });
  const put = (range: string, body: Blob | null) => send(http, target, { method: 'PUT', headers: { 'content-range': `bytes ${range}/${data.size}` }, body }, signal);
  let offset = 0;
  let known = true;
  report(0);
  while (offset < data.size || !known) {
    const end = Math.min(offset + PIECE_BYTES, data.size);
    try {
      const response = await (known ? put(`${offset}-${end - 1}`, data.slice(offset, end)) : put('*', null));
      offset = await offsetAfter(response, target, known ? end : offset);
      known = true;
      outage.over();
      outage.heard();
      report(offset);
    } catch (error) {
      signal?.throwIfAborted();
      outage.began(error);
      // Part of the piece may have arrived.
      known = false;
      await pause(outage.pauseMs(), signal);
      signal?.throwIfAborted();
    }
  }
}

/** Where to go on. Throws TransferError. */
async function offsetAfter(response: Response, url: string, expected: number): Promise<number> {
  const told = response.headers.get('upload-offset');
  if (response.ok) return told === null ? expected : Number(told);
  const error = await transferError(response, url);
  // Another try of the same piece has arrived in the meantime.
  if (error.code === 'UPLOAD_OFFSET_CONFLICT' && told !== null) return Number(told);
  throw error;
}

/** The announcement of a file. Throws TransferError when its name or type is not known. */
export function announcement(data: Blob, { onProgress: _onProgress, signal: _signal, giveUpAfterMs: _giveUpAfterMs, ...given }: UploadOptions): CreateUploadInput {
  const contentType = given.contentType ?? data.type;
  if (contentType === '') throw new TransferError('INVALID_INPUT', 'The file has no type: give contentType, for example image/png.', null, { field: ['contentType'] });
  const filename = given.filename ?? ('name' in data && typeof data.name === 'string' ? data.name : `upload.${contentType.replace(/^.*\/|;.*$/g, '')}`);
  return { ...given, contentType, filename, byteSize: data.size };
}
