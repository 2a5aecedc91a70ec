/** Api and worker processes on a Postgres of their own, each behind a network that can fail. */
import { once } from 'node:events';
import { join } from 'node:path';
import pino from 'pino';
import { EmbeddedPostgres } from '../../../src/db/embedded/embedded-postgres.ts';
import { launch, temporaryFolder, type Environment, type Launched } from '../server.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import { freePort } from '../free-port.ts';

/** One place of the fleet: its process is started again after each end. */
export interface Member {
  readonly name: string;
  readonly role: 'api' | 'worker';
  readonly port: number;
  readonly url: string;
  readonly network: TcpProxy;
  /** The process that runs now. */
  process: Launched;
  /** Standard error of all its processes: what the last test report shows of it. */
  output(): string;
}

export interface Fleet extends AsyncDisposable {
  readonly apis: readonly Member[];
  readonly workers: readonly Member[];
  readonly postgres: EmbeddedPostgres;
  /** Not through any of the networks. */
  readonly databaseUrl: string;
}

export interface FleetOptions {
  readonly apis: number;
  readonly workers: number;
  readonly env?: Environment;
}

export async function startFleet({ apis, workers, env = {} }: FleetOptions): Promise<Fleet> {
  const folder = await temporaryFolder();
  const postgres = await EmbeddedPostgres.start({ dataDir: folder.path, log: pino({ level: 'silent' }), settings: { fsync: 'off', max_connections: '300', track_commit_timestamp: 'on' } });
  await postgres.ensureDatabase('fleet');
  const databaseUrl = postgres.url('fleet');
  const socket = join(new URL(databaseUrl).searchParams.get('host') ?? '', '.s.PGSQL.5432');
  let closing = false;

  const start = async (role: Member['role'], index: number): Promise<Member> => {
    const network = await startTcpProxy({ target: socket });
    const port = await freePort();
    const own = { ...env, PORT: String(port), DATABASE_URL: `postgresql://cinegraph@127.0.0.1:${network.port}/fleet`, LOG_LEVEL: 'info' };
    const past: string[] = [];
    const run = (): Launched => {
      const launched = launch('src/main.ts', ['--role', role], own);
      void once(launched.child, 'close').then(() => {
        past.push(launched.stderr());
        if (!closing) member.process = run();
      });
      return launched;
    };
    const member: Member = { name: `${role} ${index}`, role, port, url: `http://127.0.0.1:${port}`, network, process: run(), output: () => [...past, member.process.stderr()].join('') };
    return member;
  };
  const members = await Promise.all([...range(apis).map((index) => start('api', index)), ...range(workers).map((index) => start('worker', index))]);
  const fleet: Fleet = {
    apis: members.filter(({ role }) => role === 'api'),
    workers: members.filter(({ role }) => role === 'worker'),
    postgres,
    databaseUrl,
    async [Symbol.asyncDispose]() {
      closing = true;
      for (const { network } of members) network.restore();
      for (const { process: launched } of members) launched.signal('SIGCONT');
      await Promise.all(members.map(({ process: launched }) => launched.stop()));
      for (const { network } of members) await network.close();
      await postgres.close();
      await folder.remove();
    },
  };
  try {
    await Promise.all(members.map(({ process: launched }) => launched.says('Ready.')));
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
  return fleet;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
