import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CinegraphError } from '../../errors.ts';

const FILE = 'backup.json';

const schema = z.object({
  format: z.literal(1),
  /** Of the program that made it. */
  version: z.string(),
  createdAt: z.iso.datetime(),
  /** Major version and platform of the Postgres whose files these are: another one cannot read them. */
  postgres: z.string(),
  platform: z.string(),
  folders: z.array(z.string()),
  /** Paths below the folder `postgres` of the backup. */
  files: z.array(z.object({ path: z.string(), byteSize: z.number().int(), sha256: z.string() })),
});

/** What a backup consists of. It is written last: a folder without it is no backup. */
export type BackupManifest = z.infer<typeof schema>;

export const PLATFORM = `${process.platform} ${process.arch}`;

export async function writeManifest(folder: string, manifest: BackupManifest): Promise<void> {
  await writeFile(join(folder, `${FILE}.part`), `${JSON.stringify(manifest, null, 1)}\n`, { flush: true });
  await rename(join(folder, `${FILE}.part`), join(folder, FILE));
}

/** Throws BACKUP_UNUSABLE. */
export async function readManifest(folder: string): Promise<BackupManifest> {
  const text = await readFile(join(folder, FILE), 'utf8').catch((cause: unknown) => {
    throw new CinegraphError('BACKUP_UNUSABLE', `${folder} holds no complete backup: it has no ${FILE}.`, { cause });
  });
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new CinegraphError('BACKUP_UNUSABLE', `${join(folder, FILE)} is not one of this version: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.platform !== PLATFORM) throw new CinegraphError('BACKUP_UNUSABLE', `The backup was made on ${parsed.data.platform}, this is ${PLATFORM}.`);
  return parsed.data;
}
