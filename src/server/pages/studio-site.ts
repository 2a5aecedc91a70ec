import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** Where `studio/build.ts` puts it. */
export const STUDIO_DIR = resolve(import.meta.dirname, '../../../dist/studio');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export interface StudioFile {
  readonly type: string;
  readonly content: Buffer;
  readonly gzipped: Buffer;
  /** Its name holds a hash of its content. */
  readonly immutable: boolean;
}

/** URL path to file, `/index.html` among them. */
export type StudioSite = ReadonlyMap<string, StudioFile>;

const compress = promisify<Buffer, Buffer>(gzip);

/** The built Studio, held in memory: some 300 kB. Null when it was not built. */
export async function loadStudioSite(dir = STUDIO_DIR): Promise<StudioSite | null> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const site = new Map<string, StudioFile>();
  for (const entry of entries) {
    const file = join(entry.parentPath, entry.name);
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const content = await readFile(file);
    const url = `/${relative(dir, file).split(sep).join('/')}`;
    site.set(url, { type, content, gzipped: await compress(content), immutable: url.startsWith('/studio/') });
  }
  return site.has('/index.html') ? site : null;
}
