/** `npm run migrate`: brings the database up to date and says so. `npm start` does the same. */
import { pino } from 'pino';
import { loadConfig } from '../config.ts';
import { openDatabase } from '../db/database.ts';
import { CinegraphError } from '../errors.ts';
import { EXIT } from './exit-codes.ts';

try {
  const { dataDir, databaseUrl, logLevel } = loadConfig();
  const log = pino({ level: logLevel, base: null }, pino.destination({ dest: 2, sync: true }));
  const database = await openDatabase({ dataDir, databaseUrl, log });
  const text = `Postgres ${database.serverVersion}: every migration is applied.`;
  await database.close();
  process.stdout.write(`${text}\n`);
  process.exit(EXIT.OK);
} catch (error) {
  process.stderr.write(`${error instanceof CinegraphError ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(EXIT.FAILED);
}
