/** A process that migrates the database of its first argument and prints what it applied, for the race between several. */
import pino from 'pino';
import { migrate } from '../../src/db/migrate.ts';

const { applied } = await migrate(process.argv[2] ?? '', { log: pino({ level: 'silent' }) });
process.stdout.write(JSON.stringify(applied));
