import { spawnSync } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { CinegraphError } from '../../errors.ts';

/**
 * As whom, and through which wrapper, the Postgres programs run.
 *
 * Postgres refuses to run as root, so root becomes `postgres` or `nobody`. That user often cannot enter the folder Cinegraph lies
 * in (a home of mode 0700); `setpriv` then leaves it one capability, to pass file permissions. On Linux the postmaster also gets a
 * signal when we die, however we die: SIGINT, its fast shutdown.
 */
export interface PostgresUser {
  /** Undefined: our own user. */
  readonly ids: { readonly uid: number; readonly gid: number } | undefined;
  /** Program and arguments to spawn for `command`. dieWithParent: the child gets SIGINT when this process ends. */
  wrap(command: string, args: readonly string[], dieWithParent: boolean): Wrapped;
  /** Makes the user the owner of a folder or file of ours. */
  own(path: string): Promise<void>;
}

export interface Wrapped {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Chooses the user and proves that it can start `probe` (the postgres program) and enter `folder`.
 * Throws DATABASE_UNAVAILABLE, or DATA_DIR_NOT_WRITABLE when the folder cannot be entered.
 */
export function choosePostgresUser(probe: string, folder: string): PostgresUser {
  const setpriv = process.platform === 'linux' && spawnSync('setpriv', ['--version'], { stdio: 'ignore' }).status === 0;
  if (process.getuid?.() !== 0) return ownUser(setpriv);
  const ids = unprivilegedIds();
  const candidates = setpriv ? [droppedUser(ids, true, false), droppedUser(ids, true, true)] : [droppedUser(ids, false, false)];
  for (const user of candidates) {
    if (run(user, probe, ['--version']) && run(user, '/bin/sh', ['-c', 'cd "$1"', 'sh', folder])) return user;
  }
  throw new CinegraphError(
    'DATA_DIR_NOT_WRITABLE',
    `Postgres must not run as root, and the user with id ${ids.uid} cannot enter ${folder} or start ${probe}. Put the folder where every user may pass, run as another user, or set DATABASE_URL.`,
  );
}

function run(user: PostgresUser, command: string, args: readonly string[]): boolean {
  const { command: program, args: all, ...ids } = user.wrap(command, args, false);
  return spawnSync(program, all, { stdio: 'ignore', cwd: '/', timeout: 10_000, ...ids }).status === 0;
}

function ownUser(setpriv: boolean): PostgresUser {
  return {
    ids: undefined,
    wrap: (command, args, dieWithParent) =>
      setpriv && dieWithParent ? { command: 'setpriv', args: ['--pdeathsig', 'INT', '--', command, ...args] } : { command, args },
    own: async () => {},
  };
}

function droppedUser(ids: { uid: number; gid: number }, setpriv: boolean, passPermissions: boolean): PostgresUser {
  const drop = [`--reuid=${ids.uid}`, `--regid=${ids.gid}`, '--clear-groups'];
  if (passPermissions) drop.push('--inh-caps=+dac_override', '--ambient-caps=+dac_override');
  return {
    ids,
    wrap: (command, args, dieWithParent) =>
      setpriv
        ? { command: 'setpriv', args: [...drop, ...(dieWithParent ? ['--pdeathsig', 'INT'] : []), '--', command, ...args] }
        : { command, args, ...ids },
    own: path => chown(path, ids.uid, ids.gid),
  };
}

/** The `postgres` account where there is one, else `nobody`. */
function unprivilegedIds(): { uid: number; gid: number } {
  let passwd = '';
  try {
    passwd = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A system without the file: the conventional number below.
  }
  for (const name of ['postgres', 'nobody']) {
    const fields = passwd.split('\n').find(line => line.startsWith(`${name}:`))?.split(':');
    const uid = Number(fields?.[2]);
    const gid = Number(fields?.[3]);
    if (Number.isInteger(uid) && uid > 0 && Number.isInteger(gid)) return { uid, gid };
  }
  return { uid: 65534, gid: 65534 };
}
