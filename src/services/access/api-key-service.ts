import { randomUUID } from 'node:crypto';
import type { Database } from '../../db/database.ts';
import { transaction } from '../../db/transaction.ts';
import { CinegraphError } from '../../errors.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { ApiKeyFilter, ApiKeyRecord, ApiKeyService, KeyWatcher, Page, PageInput } from '../contract.ts';
import { behind, parsePage, toPage } from '../cursor.ts';
import { isUuid } from '../uuid.ts';
import type { Caller } from './caller.ts';
import { checkNewKey, type NewApiKey } from './new-key.ts';
import { digest, looksLikeSecret, makeSecret } from './secret.ts';

/** Usable keys of one owner. */
const MOST_KEYS = 100;
const LAST_USED_STEP_MS = 60_000;

export class ApiKeys implements ApiKeyService {
  readonly #database: Pick<Database, 'prisma' | 'pool' | 'bus'>;

  constructor(database: Pick<Database, 'prisma' | 'pool' | 'bus'>) {
    this.#database = database;
  }

  async create(caller: Caller, input: NewApiKey): Promise<{ readonly key: ApiKeyRecord; readonly secret: string }> {
    const { name, ownerId, role, scopes, expiresAt } = checkNewKey(caller, input, new Date());
    const [id, secret] = [randomUUID(), makeSecret()];
    await transaction(this.#database.pool, async client => {
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`keys of ${ownerId}`]);
      const { rows } = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM api_key WHERE owner_id = $1 AND revoked_at IS NULL AND coalesce(expires_at > now(), true)', [ownerId]);
      if ((rows[0]?.count ?? 0) >= MOST_KEYS) throw new CinegraphError('INVALID_INPUT', `An owner may have ${MOST_KEYS} usable keys. Revoke one first.`);
      await client.query(
        'INSERT INTO api_key (id, owner_id, name, role, scopes, prefix, secret_sha256, expires_at) VALUES ($1, $2, $3, $4, $5::"ApiKeyScope"[], $6, $7, $8)',
        [id, ownerId, name, role, scopes, secret.prefix, secret.sha256, expiresAt],
      );
    });
    return { key: await this.#prisma.apiKey.findUniqueOrThrow({ where: { id } }), secret: secret.text };
  }

  async revoke(caller: Caller, id: string): Promise<ApiKeyRecord> {
    const [key] = await this.byIds(caller, [id]);
    if (key === undefined || key === null) throw new CinegraphError('NOT_FOUND', undefined, { field: ['input', 'apiKeyId'] });
    await this.#prisma.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: new Date() } });
    this.#database.bus.publish({ type: 'revoked', key: id });
    return this.#prisma.apiKey.findUniqueOrThrow({ where: { id } });
  }

  async byIds(caller: Caller, ids: readonly string[]): Promise<(ApiKeyRecord | null)[]> {
    const rows = await this.#prisma.apiKey.findMany({ where: { AND: [visibleTo(caller), { id: { in: ids.filter(isUuid) } }] } });
    const found = new Map(rows.map(row => [row.id, row]));
    return ids.map(id => found.get(id) ?? null);
  }

  async list(caller: Caller, page: PageInput, filter: ApiKeyFilter): Promise<Page<ApiKeyRecord>> {
    const request = parsePage(page);
    const order = request.forward ? 'desc' : 'asc';
    const rows = await this.#prisma.apiKey.findMany({
      where: { AND: [visibleTo(caller), matching(filter), behind(request)] },
      orderBy: [{ createdAt: order }, { id: order }],
      take: request.count + 1,
    });
    return toPage(rows, request);
  }

  count(caller: Caller, filter: ApiKeyFilter): Promise<number> {
    return this.#prisma.apiKey.count({ where: { AND: [visibleTo(caller), matching(filter)] } });
  }

  async authenticate(secret: string): Promise<Caller | null> {
    if (!looksLikeSecret(secret)) return null;
    const key = await this.#prisma.apiKey.findFirst({ where: { secretSha256: digest(secret), ...USABLE(new Date()) } });
    if (key === null) return null;
    const now = Date.now();
    if (key.lastUsedAt === null || now - key.lastUsedAt.getTime() >= LAST_USED_STEP_MS) await this.#prisma.apiKey.update({ where: { id: key.id }, data: { lastUsedAt: new Date(now) } });
    const { ownerId, role, scopes, expiresAt } = key;
    return { ownerId, role, scopes: new Set(scopes), credential: { type: 'API_KEY', keyId: key.id }, expiresAt };
  }

  async usable(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#prisma.apiKey.findMany({ where: { id: { in: [...ids] }, ...USABLE(new Date()) }, select: { id: true } });
    return new Set(rows.map(({ id }) => id));
  }

  watch(watcher: KeyWatcher): () => void {
    return this.#database.bus.subscribe({
      message: message => {
        if (message.type === 'revoked') watcher.revoked(message.key);
      },
      resync: () => watcher.recheck(),
    });
  }

  get #prisma(): Database['prisma'] {
    return this.#database.prisma;
  }
}

const USABLE = (now: Date) => ({ revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] }) satisfies Prisma.ApiKeyWhereInput;

function visibleTo({ role, ownerId }: Caller): Prisma.ApiKeyWhereInput {
  return role === 'ADMIN' ? {} : { ownerId };
}

function matching({ ownerId, usable }: ApiKeyFilter): Prisma.ApiKeyWhereInput {
  const state: Prisma.ApiKeyWhereInput = usable == null ? {} : usable ? USABLE(new Date()) : { NOT: USABLE(new Date()) };
  return { AND: [ownerId == null ? {} : { ownerId }, state] };
}
