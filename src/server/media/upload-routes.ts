import { Router, type Request, type Response } from 'express';
import { CinegraphError } from '../../errors.ts';
import type { UploadRecord, UploadService } from '../../services/contract.ts';
import type { MediaSource } from './media-source.ts';
import { verifyUrl } from './url-signer.ts';

const EXPOSED = 'Upload-Offset, Upload-Length, Upload-Complete, Tus-Resumable';

/**
 * The bytes of an upload, in one PUT or in pieces: PUT with Content-Range, or PATCH with Upload-Offset as in tus 1.0 (creation is the
 * mutation's). HEAD says where it goes on. docs/PROTOCOL.md has the whole exchange. The signature of the URL is the capability.
 */
export function uploadRoutes(source: () => MediaSource): Router {
  const router = Router({ caseSensitive: true });
  router.use((request, response, next) => {
    response.setHeader('Access-Control-Expose-Headers', EXPOSED);
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Tus-Resumable', '1.0.0');
    if (request.method !== 'OPTIONS') return next();
    response.setHeader('Access-Control-Allow-Methods', 'HEAD, PUT, PATCH');
    response.setHeader('Access-Control-Allow-Headers', 'Content-Type, Content-Range, Upload-Offset, Upload-Length, Tus-Resumable');
    response.setHeader('Access-Control-Max-Age', '600');
    response.status(204).end();
  });
  router.head('/:id', async (request, response) => answer(response.status(200), await open(source(), request)));
  router.put('/:id', (request, response) => receive(source(), request, response, putOffset));
  router.patch('/:id', (request, response) => receive(source(), request, response, patchOffset));
  return router;
}

type OffsetOf = (request: Request, upload: UploadRecord) => number | 'query' | 'whole';

async function receive(source: MediaSource, request: Request, response: Response, offsetOf: OffsetOf): Promise<void> {
  const upload = await open(source, request);
  const { 'content-encoding': encoding = 'identity', 'content-length': length } = request.headers;
  if (encoding !== 'identity') throw new CinegraphError('MEDIA_TYPE_NOT_SUPPORTED', 'Send the bytes of the file as they are, without a Content-Encoding.');
  const offset = offsetOf(request, upload);
  if (offset === 'query') return answer(response.status(204), upload);
  const start = offset === 'whole' ? 0 : offset;
  if (start + Number(length ?? 0) > upload.byteSize) throw new CinegraphError('UPLOAD_TOO_LARGE', `The upload was announced with ${upload.byteSize} bytes.`);
  try {
    // A whole file sent again goes on where the first try broke off.
    const body = offset === 'whole' ? skip(request, upload.received) : request;
    answer(response.status(204), await source.services.uploads.append(upload.id, offset === 'whole' ? upload.received : offset, body));
  } catch (error) {
    if (error instanceof CinegraphError) {
      if (error.code === 'UPLOAD_OFFSET_CONFLICT') await tellOffset(source.services.uploads, upload.id, response);
      // What is still on its way is not read: the connection ends with the answer.
      response.setHeader('Connection', 'close');
      throw error;
    }
    // The client went away in the middle; what came is stored, and it may come back.
    if (!request.destroyed) throw error;
  }
}

async function open({ services, signing }: MediaSource, request: Request): Promise<UploadRecord> {
  verifyUrl(request.originalUrl, signing);
  const id = request.params['id'];
  const upload = typeof id === 'string' ? await services.uploads.find(id) : null;
  if (upload === null) throw new CinegraphError('NOT_FOUND', 'This upload does not exist or has expired.');
  return upload;
}

function answer(response: Response, upload: UploadRecord): void {
  setOffset(response, upload);
  response.end();
}

async function tellOffset(uploads: UploadService, id: string, response: Response): Promise<void> {
  const upload = await uploads.find(id);
  if (upload !== null) setOffset(response, upload);
}

function setOffset(response: Response, { received, byteSize }: UploadRecord): void {
  response.setHeader('Upload-Offset', received);
  response.setHeader('Upload-Length', byteSize);
  response.setHeader('Upload-Complete', received === byteSize ? '?1' : '?0');
}

/** No Content-Range: the whole file. `bytes * /LENGTH` asks where to go on. Throws INVALID_INPUT. */
function putOffset(request: Request, { byteSize }: UploadRecord): ReturnType<OffsetOf> {
  const header = request.headers['content-range'];
  if (header === undefined) return 'whole';
  const match = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(\d{1,15}|\*)$/.exec(header.trim());
  const [, first, last, total] = match ?? [];
  if (match === null || (total !== '*' && Number(total) !== byteSize) || Number(last ?? 0) < Number(first ?? 0)) {
    throw new CinegraphError('INVALID_INPUT', `Content-Range must be "bytes FIRST-LAST/${byteSize}", or "bytes */${byteSize}" to ask where the upload goes on.`);
  }
  return first === undefined ? 'query' : Number(first);
}

/** Throws INVALID_INPUT. */
function patchOffset(request: Request): number {
  const header = request.headers['upload-offset'];
  if (typeof header !== 'string' || !/^\d{1,15}$/.test(header)) throw new CinegraphError('INVALID_INPUT', 'A PATCH needs the header Upload-Offset: where in the file its bytes begin.');
  return Number(header);
}

async function* skip(body: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const bytes of body) {
    const rest = bytes.subarray(Math.min(left, bytes.byteLength));
    left -= bytes.byteLength - rest.byteLength;
    if (rest.byteLength > 0) yield rest;
  }
}
