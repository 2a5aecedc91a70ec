/** Entry of an encoder process: one request at a time, until the parent goes away. FFmpeg faults, leaks and crashes stay in here. */
import { AV_LOG_ERROR } from 'node-av/constants';
import { Log } from 'node-av/lib';
import { type EncodeReply, encodeRequest } from './clip.ts';
import { encodeMp4, probeMp4 } from './mp4.ts';

const reply = (message: EncodeReply): void => {
  process.send?.(message);
};

process.on('disconnect', () => process.exit(0));
// The parent decides when we end: a Ctrl-C in the terminal reaches the whole process group.
process.on('SIGINT', () => {});
process.on('message', (message: unknown) => {
  const request = encodeRequest.parse(message);
  encode(request).then(reply, (error: unknown) => reply({ type: 'failed', id: request.id, message: error instanceof Error ? error.message : String(error) }));
});

Log.setLevel(AV_LOG_ERROR);
// The first clip pays for loading libx264 and its tables: a grey one of two frames, before anybody waits.
await encode({ id: 0, width: 16, height: 16, fps: 8, frameCount: 2, rgb: Buffer.alloc(16 * 16 * 3 * 2, 128) });
reply({ type: 'ready' });

async function encode({ id, ...clip }: ReturnType<typeof encodeRequest.parse>): Promise<EncodeReply> {
  const bytes = await encodeMp4(clip);
  const probe = await probeMp4(bytes);
  if (probe.frameCount !== clip.frameCount) throw new Error(`${probe.frameCount} of ${clip.frameCount} frames can be decoded again`);
  return { type: 'encoded', id, bytes, probe };
}
