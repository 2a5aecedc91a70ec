/** `npm run keys -- create --name "web app" --owner ada`: makes, lists and revokes API keys, also beside a running server. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { loadConfig } from '../config.ts';
import { openDatabase, type Database } from '../db/database.ts';
import { EmbeddedPostgres } from '../db/embedded/embedded-postgres.ts';
import { CinegraphError } from '../errors.ts';
import { ApiKeys } from '../services/access/api-key-service.ts';
import { LOCAL_CALLER, type Role, type Scope, SCOPES } from '../services/access/caller.ts';
import type { ApiKeyRecord } from '../services/contract.ts';
import { EXIT } from './exit-codes.ts';

interface CreateOptions {
  readonly name: string;
  readonly owner: string;
  readonly role: Lowercase<Role>;
  readonly scopes: readonly Scope[];
  readonly expires?: Date;
}

const PER_PAGE = 100;
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000 };

function scopes(text: string): Scope[] {
  return text.split(',').map((word) => {
    const scope = SCOPES.find((candidate) => candidate === word.trim().toUpperCase());
    if (scope === undefined) throw new InvalidArgumentError(`Scopes are ${SCOPES.join(', ').toLowerCase()}, separated by commas.`);
    return scope;
  });
}

function expiry(text: string): Date {
  const [, count, unit = ''] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
  const date = count === undefined ? new Date(text) : new Date(Date.now() + Number(count) * (UNITS[unit] ?? 0));
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('It must be a time to go, such as 12h or 90d, or a date such as 2027-01-31.');
  return date;
}

/** The database of this configuration: with a server that runs on the embedded one, through that server's. */
async function open(): Promise<Database> {
  const { dataDir, databaseUrl, nats } = loadConfig();
  return openDatabase({ dataDir, databaseUrl: databaseUrl ?? (await EmbeddedPostgres.runningUrl(dataDir, 'cinegraph')), nats, log: pino({ level: 'error', base: null }, pino.destination({ dest: 2, sync: true })) });
}

/** Where the keys are kept: a server that was started with another DATA_DIR or DATABASE_URL knows nothing of them. */
function place(): string {
  const { dataDir, databaseUrl } = loadConfig();
  return databaseUrl === undefined ? `the database in ${dataDir} (DATA_DIR)` : 'the database of DATABASE_URL';
}

async function withKeys(work: (keys: ApiKeys) => Promise<void>): Promise<void> {
  const database = await open();
  try {
    await work(new ApiKeys(database));
  } finally {
    await database.close();
  }
}

async function create({ name, owner, role, scopes, expires }: CreateOptions): Promise<void> {
  await withKeys(async (keys) => {
    const { key, secret } = await keys.create(LOCAL_CALLER, { name, ownerId: owner, role: role === 'admin' ? 'ADMIN' : 'USER', scopes, expiresAt: expires ?? null });
    process.stderr.write(`${line(key)}\nIt opens servers on ${place()}. This is the secret. It is shown once and stored nowhere:\n`);
    process.stdout.write(`${secret}\n`);
  });
}

async function list({ owner, all }: { readonly owner?: string; readonly all?: boolean }): Promise<void> {
  await withKeys(async (keys) => {
    let after: string | null = null;
    for (;;) {
      const page = await keys.list(LOCAL_CALLER, { first: PER_PAGE, after }, { ownerId: owner ?? null, usable: all === true ? null : true });
      for (const { node } of page.edges) process.stdout.write(`${line(node)}\n`);
      after = page.edges.at(-1)?.cursor ?? null;
      if (!page.hasNextPage) return;
    }
  });
}

async function revoke(id: string): Promise<void> {
  await withKeys(async (keys) => {
    process.stdout.write(`${line(await keys.revoke(LOCAL_CALLER, id))}\n`);
  });
}

function line({ id, prefix, ownerId, role, scopes, name, expiresAt, revokedAt, lastUsedAt }: ApiKeyRecord): string {
  const state = revokedAt === null ? `expires ${expiresAt?.toISOString() ?? 'never'}` : `revoked ${revokedAt.toISOString()}`;
  return [id, `${prefix}...`, `owner ${ownerId}`, role.toLowerCase(), scopes.join(',').toLowerCase(), state, `last used ${lastUsedAt?.toISOString() ?? 'never'}`, JSON.stringify(name)].join('  ');
}

const program = new Command('keys').description('API keys of this Cinegraph.').exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.OK : EXIT.USAGE));
program
  .command('create')
  .description('Makes a key and prints its secret, once.')
  .requiredOption('--name <text>', 'what it is for')
  .option('--owner <owner>', 'whose things it works on; keys with the same owner see the same', LOCAL_CALLER.ownerId)
  .addOption(new Option('--role <role>', 'admins manage the keys of everybody').choices(['user', 'admin']).default('user'))
  .option('--scopes <list>', 'what it may be used for: read, write, keys', scopes, ['READ', 'WRITE'] satisfies Scope[])
  .option('--expires <when>', 'when it ends by itself: 12h, 90d or a date (default: never)', expiry)
  .action(create);
program.command('list').description('Prints the keys that work, the newest first.').option('--owner <owner>', 'of this owner only').option('--all', 'also those that were revoked or have expired').action(list);
program.command('revoke').description('Ends a key for good; its sockets are closed.').argument('<id>', 'the id that create and list print').action(revoke);

try {
  await program.parseAsync();
  process.exit(EXIT.OK);
} catch (error) {
  process.stderr.write(`${error instanceof CinegraphError ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(EXIT.FAILED);
}
