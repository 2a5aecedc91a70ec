/** Api and worker processes on a Postgres of their own, each behind a network that can fail. */
import { once } from 'node:events';
import { join } from 'node:path';
import pino from 'pino';
import { EmbeddedPostgres } from '../../../src/db/embedded/embedded-postgres.ts';
import { launch, temporaryFolder, type Environment, type Launched } from '../server.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import { freePort } from '../free-port.ts';
import { startNats, type NatsServer } from '../nats.ts';
import { startS3, type S3Server } from '../s3.ts';

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
  /** Where the bytes and the news are when they are not in Postgres. */
  readonly beside: Beside | undefined;
  /** How a program finds all of it, not through any of the networks. */
  readonly env: Environment;
}

export interface Beside {
  readonly nats: NatsServer;
  /** The bucket is reached through it, by every process. */
  readonly storeNetwork: TcpProxy;
}

export interface FleetOptions {
  readonly apis: number;
  readonly workers: number;
  /** Bytes in an S3 bucket, news over NATS. */
  readonly beside?: boolean;
  readonly env?: Environment;
}

export async function startFleet({ apis, workers, beside = false, env = {} }: FleetOptions): Promise<Fleet> {
  const folder = await temporaryFolder();
  const postgres = await EmbeddedPostgres.start({ dataDir: folder.path, log: pino({ level: 'silent' }), settings: { fsync: 'off', max_connections: '300', track_commit_timestamp: 'on' } });
  await postgres.ensureDatabase('fleet');
  const databaseUrl = postgres.url('fleet');
  const socket = join(new URL(databaseUrl).searchParams.get('host') ?? '', '.s.PGSQL.5432');
  const others = beside ? await startBeside() : undefined;
  let closing = false;

  const start = async (role: Member['role'], index: number): Promise<Member> => {
    const network = await startTcpProxy({ target: socket });
    const port = await freePort();
    const own = { ...env, ...others?.env(others.storeNetwork.port), PORT: String(port), DATABASE_URL: `postgresql://cinegraph@127.0.0.1:${network.port}/fleet`, LOG_LEVEL: 'info' };
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
    beside: others,
    env: { ...others?.env(others.s3.port), DATABASE_URL: databaseUrl },
    async [Symbol.asyncDispose]() {
      closing = true;
      for (const { network } of members) network.restore();
      for (const { process: launched } of members) launched.signal('SIGCONT');
      await Promise.all(members.map(({ process: launched }) => launched.stop()));
      for (const { network } of members) await network.close();
      await others?.close();
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

async function startBeside(): Promise<Beside & { readonly s3: S3Server; env(storePort: number): Environment; close(): Promise<void> }> {
  const [nats, s3] = await Promise.all([startNats(), startS3()]);
  const storeNetwork = await startTcpProxy({ target: s3.port });
  const { bucket, accessKeyId, secretAccessKey } = s3.options;
  return {
    nats,
    storeNetwork,
    s3,
    env: (storePort) => ({ NATS_URL: nats.url, S3_BUCKET: bucket, S3_ENDPOINT: `http://127.0.0.1:${storePort}`, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey, S3_PRESIGN: '0' }),
    async close() {
      await storeNetwork.close();
      await s3.close();
      await nats.close();
    },
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
