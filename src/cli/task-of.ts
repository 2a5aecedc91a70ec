import { extname } from 'node:path';
import type { GenerateInput } from '../client/index.ts';

/** The command line asks for something that does not exist. */
export class UsageError extends Error {}

export interface TaskOptions {
  readonly image?: boolean;
  readonly audio?: boolean;
  readonly text?: boolean;
  /** A file to make it from. */
  readonly from?: string;
  readonly muxed?: boolean;
  readonly withAudio?: boolean;
  readonly upscale?: boolean;
  readonly seed?: number;
  readonly candidates?: number;
  /** Seconds. */
  readonly duration?: number;
  readonly camera?: string;
  readonly style?: string;
  readonly temperature?: number;
  readonly guidance?: number;
}

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.webp': 'image/webp', '.avif': 'image/avif', '.gif': 'image/gif',
  '.mp4': 'video/mp4', '.m4v': 'video/mp4', '.mov': 'video/quicktime', '.webm': 'video/webm', '.mkv': 'video/matroska',
  '.wav': 'audio/wav', '.mp3': 'audio/mpeg', '.flac': 'audio/flac', '.ogg': 'audio/ogg', '.opus': 'audio/ogg', '.m4a': 'audio/mp4',
};

/** The media type that a file's name says. Throws {@link UsageError}. */
export function contentTypeOf(file: string): string {
  const type = TYPES[extname(file).toLowerCase()];
  if (type === undefined) throw new UsageError(`${file}: the name has to end in one of ${Object.keys(TYPES).join(', ')}.`);
  return type;
}

/** The task that the options mean. `upload` brings the file in and gives its id. Throws {@link UsageError}. */
export async function taskOf(prompt: string | undefined, options: TaskOptions, upload: (file: string) => Promise<string>): Promise<GenerateInput> {
  const { image, audio, text, from, muxed, withAudio, seed, candidates, duration, camera, style, temperature, guidance } = options;
  const upscale = options.upscale === true ? ('TWO' as const) : undefined;
  if ([image, audio, text].filter((each) => each === true).length > 1) throw new UsageError('Give one of --image, --audio and --text.');
  const shared = given({ seed, candidates, sampling: given({ temperature, guidance }) });
  const needed = (): string => {
    if (prompt === undefined) throw new UsageError('A prompt is missing.');
    return prompt;
  };
  if (from === undefined) {
    if (text === true) throw new UsageError('--text says what is in a file: give it with --from.');
    if (image === true) {
      takes(options, 'an image', 'style', 'upscale');
      return { textToImage: { ...shared, ...given({ style, upscale }), prompt: needed() } };
    }
    if (audio === true) {
      takes(options, 'a sound');
      return { textToAudio: { ...shared, prompt: needed() } };
    }
    takes(options, 'a clip from a prompt', 'duration', 'camera', 'style', 'withAudio', 'upscale');
    return { textToVideo: { ...shared, ...given({ durationMs: milliseconds(duration), camera, style, withAudio, upscale }), prompt: needed() } };
  }
  const kind = contentTypeOf(from) === 'image/gif' ? 'video' : contentTypeOf(from).split('/')[0];
  if (kind === 'video' && audio === true) {
    takes(options, 'the sound of a clip', 'muxed');
    return { videoToAudio: { ...shared, ...given({ prompt, muxed }), video: await upload(from) } };
  }
  if (text === true && (kind === 'video' || kind === 'audio')) {
    takes(options, 'a text');
    return kind === 'video' ? { videoToText: { ...shared, video: await upload(from) } } : { audioToText: { ...shared, audio: await upload(from) } };
  }
  if (kind === 'video' && image !== true) {
    if (prompt === undefined && style === undefined) throw new UsageError('A prompt or --style is missing: the look that the clip takes.');
    takes(options, 'the look of a clip', 'style', 'upscale');
    return { stylizeVideo: { ...shared, ...given({ style, upscale }), prompt: prompt ?? '', video: await upload(from) } };
  }
  if (kind === 'audio' && audio !== true && image !== true) {
    takes(options, 'a clip for a sound', 'camera', 'style', 'upscale');
    return { audioToVideo: { ...shared, ...given({ prompt, camera, style, upscale }), audio: await upload(from) } };
  }
  if (kind === 'image' && audio !== true && image !== true && text !== true) {
    takes(options, 'a clip from a picture', 'duration', 'camera', 'style', 'upscale');
    return { imageToVideo: { ...shared, ...given({ durationMs: milliseconds(duration), camera, style, upscale }), prompt: needed(), image: await upload(from) } };
  }
  throw new UsageError('From a picture comes a clip, from a clip one of another look, a sound (--audio) or a text (--text), from a sound a clip or a text (--text).');
}

/** Options that only some tasks take. */
const FLAGS = { duration: '--duration', camera: '--camera', style: '--style', withAudio: '--with-audio', upscale: '--upscale', muxed: '--muxed' } as const;
type Flag = keyof typeof FLAGS;

/** Throws {@link UsageError} for an option that would change nothing. */
function takes(options: TaskOptions, what: string, ...flags: readonly Flag[]): void {
  const [idle] = (Object.keys(FLAGS) as Flag[]).filter((flag) => options[flag] !== undefined && !flags.includes(flag));
  if (idle !== undefined) throw new UsageError(`${FLAGS[idle]} changes nothing of ${what}: leave it out.`);
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

/** Without what is left out. */
function given<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}
