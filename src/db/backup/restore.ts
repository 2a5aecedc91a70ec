import { randomBytes } from 'node:crypto';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import pLimit from 'p-limit';
import { CinegraphError } from '../../errors.ts';
import { makeDataDir, syncCluster } from '../embedded/cluster-init.ts';
import { findPostgresBinaries } from '../embedded/postgres-binaries.ts';
import { choosePostgresUser } from '../embedded/postgres-user.ts';
import { copyFile } from './copy-file.ts';
import { type BackupManifest, readManifest } from './manifest.ts';

const AT_ONCE = 8;

/**
 * Lays a backup into a data folder that has no database yet, each file held against its digest; all or nothing. The next start brings it to the
 * newest migration. Throws BACKUP_UNUSABLE and the codes of the data folder.
 */
export async function restore(source: string, folder: string): Promise<BackupManifest> {
  const manifest = await readManifest(source);
  const dataDir = resolve(folder);
  const cluster = join(dataDir, 'postgres');
  await makeDataDir(dataDir);
  if (await access(cluster).then(() => true, () => false)) throw new CinegraphError('BACKUP_UNUSABLE', `${dataDir} has a database already. Give an empty DATA_DIR.`);
  const binaries = await findPostgresBinaries();
  const user = choosePostgresUser(binaries.postgres, dataDir);
  const draft = `${cluster}.init-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(draft, { mode: 0o700 });
    for (const path of manifest.folders) await mkdir(join(draft, path), { mode: 0o700 });
    const limit = pLimit(AT_ONCE);
    // All have ended before the draft may be removed.
    const ends = await Promise.allSettled(manifest.files.map(file => limit(() => restoreFile(file, join(source, 'postgres'), draft))));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    for (const path of ['', ...manifest.folders, ...manifest.files.map(file => file.path)]) await user.own(join(draft, path));
    await syncCluster(draft, binaries, user);
    await rename(draft, cluster);
    return manifest;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function restoreFile({ path, sha256 }: BackupManifest['files'][number], from: string, to: string): Promise<void> {
  const copied = await copyFile(join(from, path), join(to, path)).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT' ? new CinegraphError('BACKUP_UNUSABLE', `The backup lacks ${path}.`, { cause }) : cause;
  });
  if (copied.sha256 !== sha256) throw new CinegraphError('BACKUP_UNUSABLE', `${path} of the backup is not what was written: its SHA-256 is ${copied.sha256}.`);
}
