/** `npm run restore -- FOLDER`: lays a backup into an empty DATA_DIR, opens it and checks that nothing is missing. */
import { loadConfig } from '../config.ts';
import { restore } from '../db/backup/restore.ts';
import { openDatabase } from '../db/database.ts';
import { checkIntegrity } from '../db/integrity.ts';
import { commandLog, EXIT, runCommand, sayReport, usage } from './command.ts';

await runCommand(async ({ args, say }) => {
  const [source] = args;
  if (source === undefined || args.length > 1) return usage('npm run restore -- FOLDER');
  const { dataDir, objectStore } = loadConfig();
  const { createdAt, version, files } = await restore(source, dataDir);
  say(`${files.length} files of ${createdAt}, made by Cinegraph ${version}, are in ${dataDir}.`);
  const database = await openDatabase({ dataDir, objectStore, log: commandLog() });
  try {
    return sayReport(await checkIntegrity(database), say) ? EXIT.OK : EXIT.FAILED;
  } finally {
    await database.close();
  }
});
