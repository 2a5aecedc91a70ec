/** Entry of a reader process: files of strangers are opened here and nowhere else. One request at a time, until the parent goes away. */
import { readFile } from 'node:fs/promises';
import { AV_LOG_QUIET } from 'node-av/constants';
import { Log } from 'node-av/lib';
import sharp from 'sharp';
import { addSound } from './add-sound.ts';
import { convert } from './convert.ts';
import { allowedInstead, detectFormat, type MediaFormat } from './media-kinds.ts';
import { decodePcm, inspectAudio } from './read-audio.ts';
import { decodeImage, inspectImage } from './read-image.ts';
import { decodeVideo, inspectVideo } from './read-video.ts';
import { type ReadReply, type ReadRequest, readRequest, Refused } from './reader-messages.ts';

const reply = (message: ReadReply): void => {
  process.send?.(message);
};

process.on('disconnect', () => process.exit(0));
// The parent decides when we end: a Ctrl-C in the terminal reaches the whole process group.
process.on('SIGINT', () => {});
process.on('message', (message: unknown) => {
  const request = readRequest.parse(message);
  read(request).then(reply, (error: unknown) => reply(failure(request.id, error)));
});

Log.setLevel(AV_LOG_QUIET);
sharp.concurrency(1);
sharp.cache(false);
// What the allow-list does not name must not be loaded even if a file gets past it.
sharp.block({ operation: ['VipsForeignLoadSvg', 'VipsForeignLoadPdf', 'VipsForeignLoadMagick', 'VipsForeignLoadCsv', 'VipsForeignLoadMat'] });
reply({ type: 'ready' });

async function read(request: ReadRequest): Promise<ReadReply> {
  const { id } = request;
  const { bytes, format } = await open(request.file);
  switch (request.type) {
    case 'inspect':
      return { type: 'inspected', id, value: await inspect(bytes, format, request.kind) };
    case 'frames':
      return { type: 'frames', id, value: format.demuxer === null ? await decodeImage(bytes, request) : await decodeVideo(bytes, format, request) };
    case 'pcm':
      return { type: 'pcm', id, value: await decodePcm(bytes, format, request.sampleRateHz, request.maxSamples) };
    case 'sound':
      return { type: 'converted', id, value: { contentType: 'video/mp4', bytes: await addSound({ bytes, format }, await open(request.sound)) } };
    case 'convert':
      if (!format.kinds.includes('VIDEO')) throw new Refused('MEDIA_TYPE_NOT_SUPPORTED', 'Only a clip can be converted.');
      return { type: 'converted', id, value: await convert(bytes, format, request.to, request.layout) };
  }
}

async function open(file: string): Promise<{ readonly bytes: Buffer; readonly format: MediaFormat }> {
  const bytes = await readFile(file);
  const { format, contentType } = await detectFormat(bytes.subarray(0, 4100));
  if (format === undefined) throw new Refused('MEDIA_TYPE_NOT_SUPPORTED', `The bytes are none of the formats that can be uploaded, whatever the name says; ${allowedInstead(contentType)}`);
  return { bytes, format };
}

function inspect(bytes: Buffer, format: MediaFormat, kind: Extract<ReadRequest, { type: 'inspect' }>['kind']) {
  if (!format.kinds.includes(kind)) throw new Refused('MEDIA_TYPE_NOT_SUPPORTED', `The bytes are ${format.contentType}, which cannot be used as ${kind}.`);
  if (kind === 'AUDIO') return inspectAudio(bytes, format);
  return kind === 'VIDEO' ? inspectVideo(bytes, format) : inspectImage(bytes, format);
}

/** What a library throws at damaged bytes is the file's fault; what only our own mistakes throw is ours. */
function failure(id: number, error: unknown): ReadReply {
  if (error instanceof Refused) return { type: 'refused', id, code: error.code, message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof TypeError || error instanceof ReferenceError) return { type: 'failed', id, message: error.stack ?? message };
  return { type: 'refused', id, code: 'MEDIA_CORRUPT', message: `The file cannot be decoded: ${message.split('\n', 1)[0]?.slice(0, 120) ?? ''}` };
}
