import { runProgram } from './server.ts';

export interface NewKey {
  readonly id: string;
  readonly secret: string;
}

/** An API key of the server on this database, as `npm run keys` makes it. */
export async function newKey(databaseUrl: string, owner: string): Promise<NewKey> {
  const { code, stdout, stderr } = await runProgram('src/cli/keys.ts', ['create', '--name', 'test', '--owner', owner], { DATABASE_URL: databaseUrl });
  const id = /^[0-9a-f-]{36}/.exec(stderr)?.[0];
  if (code !== 0 || id === undefined) throw new Error(`no key was made\n${stdout}${stderr}`);
  return { id, secret: stdout.trim() };
}

export async function revokeKey(databaseUrl: string, id: string): Promise<void> {
  const { code, stderr } = await runProgram('src/cli/keys.ts', ['revoke', id], { DATABASE_URL: databaseUrl });
  if (code !== 0) throw new Error(`the key was not revoked\n${stderr}`);
}
