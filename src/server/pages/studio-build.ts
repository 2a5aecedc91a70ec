import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import { STUDIO_DIR } from './studio-site.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILDER = join(ROOT, 'studio/build.ts');
/** What the Studio is made of. */
const SOURCES = ['studio', 'src/client'];
const BUILD_DEADLINE_MS = 120_000;

/** Builds the Studio when it is missing or older than its sources. The API does not need it: a build that fails is logged, and the server starts. */
export async function ensureStudioBuilt(log: Logger): Promise<void> {
  if (!existsSync(BUILDER) || !existsSync(join(ROOT, 'node_modules/vite'))) return;
  const built = await stat(join(STUDIO_DIR, 'index.html')).catch(() => null);
  if (built !== null && built.mtimeMs >= (await newestSource())) return;
  log.info({ part: 'studio' }, 'building the Studio');
  const child = spawn(process.execPath, [BUILDER], { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'], timeout: BUILD_DEADLINE_MS });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) log.warn({ part: 'studio', code, said }, 'the Studio could not be built; the page at / is old or missing');
}

/** When the newest source file was changed, ms since 1970. */
async function newestSource(): Promise<number> {
  let newest = 0;
  for (const source of SOURCES) {
    for (const entry of await readdir(join(ROOT, source), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) newest = Math.max(newest, (await stat(join(entry.parentPath, entry.name))).mtimeMs);
    }
  }
  return newest;
}
