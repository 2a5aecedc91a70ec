const TYPES = {
  mp4: 'video/mp4',
  webm: 'video/webm',
  gif: 'image/gif',
  webp: 'image/webp',
  png: 'image/png',
  jpg: 'image/jpeg',
  avif: 'image/avif',
  mov: 'video/quicktime',
  mkv: 'video/matroska',
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  m4a: 'audio/mp4',
  weba: 'audio/webm',
  txt: 'text/plain; charset=utf-8',
} as const;

/** `bin` for a type that is not in the table: browsers then download it and never run it. */
export function extensionOf(contentType: string): string {
  const bare = contentType.split(';', 1)[0];
  return Object.entries(TYPES).find(([, type]) => type.split(';', 1)[0] === bare)?.[0] ?? 'bin';
}

export function contentTypeOf(extension: string): string {
  return Object.entries(TYPES).find(([known]) => known === extension)?.[1] ?? 'application/octet-stream';
}
