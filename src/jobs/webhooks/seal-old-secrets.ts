import type { Database } from '../../db/database.ts';
import type { SecretBox } from '../../db/secret-box.ts';

/** Secrets of webhooks that an older version stored as they are. */
export async function sealOldSecrets({ pool }: Pick<Database, 'pool'>, secrets: SecretBox): Promise<void> {
  const { rows } = await pool.query<{ id: string; secret: string }>(`SELECT id, secret FROM webhook WHERE secret LIKE 'whsec\\_%'`);
  for (const { id, secret } of rows) await pool.query('UPDATE webhook SET secret = $2 WHERE id = $1 AND secret = $3', [id, secrets.seal(secret, id), secret]);
}
