import { extname } from 'node:path';

export interface FileNameParts {
  readonly prompt: string;
  readonly seed: number;
  readonly contentType: string;
  /** Null when there is only one. */
  readonly candidate: number | null;
}

const EXTENSIONS: Readonly<Record<string, string>> = { 'video/mp4': '.mp4', 'image/png': '.png', 'image/webp': '.webp', 'audio/wav': '.wav', 'text/plain; charset=utf-8': '.txt' };
const LONGEST_SLUG = 48;

/** The file for an output: as asked for, else named after prompt and seed; numbered when there are several. */
export function fileName(asked: string | undefined, { prompt, seed, contentType, candidate }: FileNameParts): string {
  const name = asked ?? `${slug(prompt)}-seed${seed}${EXTENSIONS[contentType] ?? ''}`;
  if (candidate === null) return name;
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}-${candidate}${extension}`;
}

function slug(prompt: string): string {
  const words = prompt
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_SLUG)
    .replace(/^-+|-+$/g, '');
  return words === '' ? 'cinegraph' : words;
}
