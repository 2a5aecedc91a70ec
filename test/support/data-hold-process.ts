/** A process that starts the embedded Postgres in the folder of its first argument, says so, and stays. */
import pino from 'pino';
import { EmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts';

const postgres = await EmbeddedPostgres.start({ dataDir: process.argv[2] ?? '', log: pino({ level: 'silent' }) });
process.stdout.write(`ready ${postgres.pid}\n`);
setInterval(() => {}, 60_000);
