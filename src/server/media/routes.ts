import { create } from 'content-disposition';
import { Router, type Request, type Response } from 'express';
import { pipeline } from 'node:stream/promises';
import { CinegraphError } from '../../errors.ts';
import type { OpenBytes, VariantFormat } from '../../services/contract.ts';
import { contentTypeOf, extensionOf } from './content-types.ts';
import type { MediaSource } from './media-source.ts';
import { matchesEtag, parseRange } from './range.ts';
import { uploadRoutes } from './upload-routes.ts';
import { verifyUrl } from './url-signer.ts';

const FORMATS: readonly VariantFormat[] = ['webm', 'gif', 'webp', 'sprites'];

/** The bytes behind signed URLs. The signature is the capability: no cookie, no login, any origin. */
export function mediaRoutes(source: () => MediaSource): Router {
  const router = Router({ caseSensitive: true });
  router.use((_request, response, next) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Expose-Headers', 'Accept-Ranges, Content-Range, ETag, Content-Disposition');
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
    response.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  });
  router.use('/uploads', uploadRoutes(source));
  router.get(['/assets/:id/:file', '/thumbnails/:id/:file'], (request, response) => sendAsset(source(), request, response));
  router.get('/variants/:id/:file', (request, response) => sendVariant(source(), request, response));
  router.get('/previews/:job/:seq/:file', (request, response) => sendPreview(source(), request, response));
  return router;
}

async function sendAsset({ services, signing }: MediaSource, request: Request, response: Response): Promise<void> {
  const secondsLeft = verifyUrl(request.originalUrl, signing);
  const [sha256 = ''] = param(request, 'file').split('.');
  // What is downloaded leaves the house: it says where it is from.
  const bytes = request.query['download'] === undefined ? services.assets.open(param(request, 'id'), sha256) : services.assets.export(param(request, 'id'), sha256);
  await send(await bytes, secondsLeft, request, response);
}

/** Another form of a clip. The first request for it waits until it is made. */
async function sendVariant({ services, signing }: MediaSource, request: Request, response: Response): Promise<void> {
  const secondsLeft = verifyUrl(request.originalUrl, signing);
  const format = FORMATS.find((known) => known === param(request, 'file').split('.')[0]);
  const bytes = format === undefined ? null : await services.assets.openVariant(param(request, 'id'), format);
  await send(bytes, secondsLeft, request, response);
}

async function send(bytes: OpenBytes | null, secondsLeft: number, request: Request, response: Response): Promise<void> {
  if (bytes === null) throw new CinegraphError('NOT_FOUND');
  const { byteSize, contentType } = bytes;
  const etag = `"${bytes.sha256}"`;
  setHeaders(response, etag, secondsLeft);
  response.setHeader('Accept-Ranges', 'bytes');
  if (matchesEtag(request.headers['if-none-match'], etag)) return void response.status(304).end();

  // A type that is not in the table is downloaded and never run.
  response.setHeader('Content-Type', contentTypeOf(extensionOf(contentType)));
  const disposition = create(fileName(bytes), { type: request.query['download'] === undefined ? 'inline' : 'attachment' });
  response.setHeader('Content-Disposition', disposition);
  const elsewhere = request.method === 'GET' ? await bytes.link(disposition, secondsLeft) : null;
  // The reader asks there again, with its Range.
  if (elsewhere !== null) return response.redirect(307, elsewhere);
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? parseRange(request.headers.range, byteSize) : 'whole';
  if (range === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${byteSize}`);
    throw new CinegraphError('RANGE_NOT_SATISFIABLE', `The asset has ${byteSize} bytes.`);
  }
  const { start, end } = range === 'whole' ? { start: 0, end: byteSize - 1 } : range;
  if (range !== 'whole') response.status(206).setHeader('Content-Range', `bytes ${start}-${end}/${byteSize}`);
  response.setHeader('Content-Length', end - start + 1);
  if (request.method === 'HEAD' || byteSize === 0) return void response.end();
  const body = bytes.read(start, end);
  if (Buffer.isBuffer(body)) return void response.end(body);
  await pipeline(body, response).catch(ignoreGoneClient);
}

/** The title with the extension of the bytes, without what file systems do not like. */
function fileName({ title, sha256, contentType }: OpenBytes): string {
  const extension = extensionOf(contentType);
  const name = (title ?? '').replace(/[\p{Cc}"*/:<>?\\|]+/gu, ' ').replace(/\s+/g, ' ').replace(/\.\w{2,4}$/, '').trim().replace(/^\.+/, '').slice(0, 100);
  return `${name === '' ? `cinegraph-${sha256.slice(0, 12)}` : name}.${extension}`;
}

/** `0.webp` is a frame, `sound.wav` the event's piece of sound. */
async function sendPreview({ services, signing }: MediaSource, request: Request, response: Response): Promise<void> {
  const secondsLeft = verifyUrl(request.originalUrl, signing);
  const [job, seq, file] = [param(request, 'job'), Number(param(request, 'seq')), param(request, 'file')];
  const sound = file === 'sound.wav';
  const bytes = sound ? await services.jobs.previewSound(null, job, seq) : await services.jobs.previewFrame(null, job, seq, Number.parseInt(file, 10));
  if (bytes === null) throw new CinegraphError('NOT_FOUND');
  const etag = `"${job}-${seq}-${file}"`;
  setHeaders(response, etag, secondsLeft);
  if (matchesEtag(request.headers['if-none-match'], etag)) return void response.status(304).end();
  response.setHeader('Content-Type', sound ? 'audio/wav' : 'image/webp');
  response.setHeader('Content-Length', bytes.byteLength);
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** The bytes behind a path never change, so caches may keep them as long as the URL lives. */
function setHeaders(response: Response, etag: string, secondsLeft: number): void {
  response.setHeader('ETag', etag);
  response.setHeader('Cache-Control', `private, max-age=${secondsLeft}, immutable`);
}

function param(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

/** A player that seeks closes its connection; that is no error. */
function ignoreGoneClient(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
}
