/** `npm run backup -- FOLDER`: copies the embedded database into a new folder, beside a server that runs on it. */
import { loadConfig } from '../config.ts';
import { backup } from '../db/backup/backup.ts';
import { CinegraphError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { commandLog, runCommand, usage } from './command.ts';

await runCommand(async ({ args, say }) => {
  const [target] = args;
  if (target === undefined || args.length > 1) return usage('npm run backup -- FOLDER');
  const { dataDir, databaseUrl, objectStore } = loadConfig();
  if (databaseUrl !== undefined) throw new CinegraphError('BACKUP_UNUSABLE', 'This copies the embedded database. With DATABASE_URL use the tools of that database: pg_dump, or pg_basebackup.');
  const { files, byteSize } = await backup({ dataDir, target, version: VERSION, log: commandLog() });
  say(`${files} files, ${(byteSize / 2 ** 20).toFixed(1)} MiB, in ${target}.`);
  if (objectStore !== undefined) say(`The bytes of assets are in the bucket ${objectStore.bucket}: copy it after this, never before.`);
});
