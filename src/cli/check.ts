/** `npm run check`: reads every byte and looks at every reference, also beside a running server. Exits with 1 if something is wrong. */
import { loadConfig } from '../config.ts';
import { openDatabase } from '../db/database.ts';
import { EmbeddedPostgres } from '../db/embedded/embedded-postgres.ts';
import { checkIntegrity } from '../db/integrity.ts';
import { commandLog, EXIT, runCommand, sayReport } from './command.ts';

await runCommand(async ({ say }) => {
  const { dataDir, databaseUrl, objectStore } = loadConfig();
  const database = await openDatabase({ dataDir, databaseUrl: databaseUrl ?? (await EmbeddedPostgres.runningUrl(dataDir, 'cinegraph')), objectStore, log: commandLog() });
  try {
    return sayReport(await checkIntegrity(database), say) ? EXIT.OK : EXIT.FAILED;
  } finally {
    await database.close();
  }
});
