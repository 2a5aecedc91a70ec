import { fileTypeFromBuffer } from 'file-type';

/** What a client may bring in. A mask is an image. */
export type UploadKind = 'IMAGE' | 'MASK' | 'VIDEO' | 'AUDIO';

/** A file format that is let in: by its first bytes, never by its name. */
export interface MediaFormat {
  readonly contentType: string;
  readonly kinds: readonly UploadKind[];
  /** FFmpeg's name of the one demuxer that may read it; null: sharp reads it. */
  readonly demuxer: string | null;
}

const PICTURE = ['IMAGE', 'MASK'] as const;
const image = (contentType: string): MediaFormat => ({ contentType, kinds: PICTURE, demuxer: null });
const media = (contentType: string, demuxer: string, ...kinds: UploadKind[]): MediaFormat => ({ contentType, kinds, demuxer });

/** The allow-list, by the MIME type that file-type reads from the bytes. Playlists, archives, documents and SVG are not on it. */
const FORMATS: Readonly<Record<string, MediaFormat>> = {
  'image/png': image('image/png'),
  'image/jpeg': image('image/jpeg'),
  'image/webp': image('image/webp'),
  'image/avif': image('image/avif'),
  'image/gif': media('image/gif', 'gif', 'VIDEO'),
  'video/mp4': media('video/mp4', 'mov', 'VIDEO'),
  'video/quicktime': media('video/quicktime', 'mov', 'VIDEO'),
  'video/x-m4v': media('video/mp4', 'mov', 'VIDEO'),
  'video/webm': media('video/webm', 'matroska', 'VIDEO', 'AUDIO'),
  'video/matroska': media('video/matroska', 'matroska', 'VIDEO'),
  'audio/wav': media('audio/wav', 'wav', 'AUDIO'),
  'audio/mpeg': media('audio/mpeg', 'mp3', 'AUDIO'),
  'audio/flac': media('audio/flac', 'flac', 'AUDIO'),
  'audio/ogg': media('audio/ogg', 'ogg', 'AUDIO'),
  'audio/x-m4a': media('audio/mp4', 'mov', 'AUDIO'),
  'audio/mp4': media('audio/mp4', 'mov', 'AUDIO'),
};

/** Other names that browsers and tools give to the same thing. */
const ALIASES: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'audio/wave': 'audio/wav',
  'audio/x-wav': 'audio/wav',
  'audio/vnd.wave': 'audio/wav',
  'audio/mp3': 'audio/mpeg',
  'audio/x-flac': 'audio/flac',
  'audio/opus': 'audio/ogg',
  'video/ogg': 'audio/ogg',
  'audio/webm': 'video/webm',
  'audio/aac': 'audio/mp4',
  'video/x-matroska': 'video/matroska',
};

const ACCEPTED: readonly string[] = [...new Set(Object.values(FORMATS).map(({ contentType }) => contentType))];

/** The format behind a media type as a client writes it: `Video/MP4; codecs=...`. Undefined when it is not let in. */
export function formatOf(contentType: string): MediaFormat | undefined {
  const bare = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return FORMATS[ALIASES[bare] ?? bare];
}

/** What to do with a file that is not let in, by its kind: what phones and offices make. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^image\/hei[cf]/, ' It is a photo in HEIC: save it as JPEG.'],
  [/^image\//, ' Save the picture as PNG or JPEG.'],
  [/^video\//, ' Save the clip as MP4.'],
  [/^audio\//, ' Save the sound as WAV or MP3.'],
];

/** The allow-list in words, and the way out for a file of this media type. */
export function allowedInstead(contentType = ''): string {
  const [, advice = ''] = ADVICE.find(([kind]) => kind.test(contentType.trim().toLowerCase())) ?? [];
  return `allowed: ${ACCEPTED.join(', ')}.${advice}`;
}

/** The format that the bytes themselves say, undefined when it is not let in, and its media type. `head`: the first 4,100 bytes are enough. */
export async function detectFormat(head: Uint8Array): Promise<{ readonly format: MediaFormat | undefined; readonly contentType: string | undefined }> {
  // A damaged header makes the detector run off its end: then it is nothing that we know.
  const detected = await fileTypeFromBuffer(head).catch(() => undefined);
  return { format: detected === undefined ? undefined : formatOf(detected.mime), contentType: detected?.mime };
}
