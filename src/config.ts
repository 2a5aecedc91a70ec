/** The only reader of process.env. Every variable is a row of {@link VARIABLES}; docs/CONFIG.md and `doctor` are written from it. */
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { CinegraphError } from './errors.ts';
import { isLoopback } from './loopback.ts';

const ROOT = resolve(import.meta.dirname, '..');

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(z.number().int().min(min).max(max));
const flag = z.enum(['0', '1', 'true', 'false']).transform((value) => value === '1' || value === 'true');
const path = z.string().min(1).transform((value) => (isAbsolute(value) ? value : resolve(value)));
const httpUrl = z
  .string()
  .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol))
  .transform((value) => value.replace(/\/+$/, ''));
const secretsKeyText = z
  .string()
  .transform((value) => Buffer.from(value, 'base64'))
  .refine((key) => key.byteLength === 32);
const postgresUrl = z.string().regex(/^postgres(?:ql)?:\/\//);
const natsUrl = z.string().refine((value) => value.split(',').every((part) => URL.canParse(part.trim()) && /^(nats|tls):$/.test(new URL(part.trim()).protocol)));
const origins = z.string().transform((value) => value.split(',').map((origin) => origin.trim().replace(/\/+$/, ''))).pipe(z.array(z.string().regex(/^https?:\/\/[^/]+$/)));

interface Variable<T> {
  readonly schema: z.ZodType<T>;
  /** Text of the default; null for none. */
  readonly default: string | null;
  readonly allowed: string;
  readonly meaning: string;
}
const variable = <T>(schema: z.ZodType<T>, defaultText: string | null, allowed: string, meaning: string): Variable<T> => ({
  schema,
  default: defaultText,
  allowed,
  meaning,
});

/** name: value, default, what is allowed, what it means. */
export const VARIABLES = {
  ROLE: variable(z.enum(['all', 'api', 'worker']), 'all', 'all, api or worker', 'What this process does: `api` answers clients, `worker` runs jobs, `all` both. `npm start -- --role worker` says the same. `api` and `worker` share a `DATABASE_URL`.'),
  PORT: variable(integer(0, 65535), '4000', '0 to 65535; 0 takes a free port', 'The port of the server.'),
  HOST: variable(z.string().min(1), '127.0.0.1', 'an address of this machine', 'The address to listen on. Anything but a loopback address needs `AUTH=required`, or `CINEGRAPH_ALLOW_PUBLIC=1`.'),
  CINEGRAPH_ALLOW_PUBLIC: variable(flag, '0', '0 or 1', 'Allow a `HOST` that others can reach without `AUTH=required`: whoever reaches the port can do everything. For a proxy with a login of its own.'),
  AUTH: variable(z.enum(['none', 'required']), 'none', 'none or required', '`none`: who brings no credential is the one local user, an admin. `required`: every caller needs an API key (`npm run keys`) or a token.'),
  CINEGRAPH_API_KEY: variable(z.string().min(1), null, 'an API key or a token', 'What `npm run generate` sends to a server with `AUTH=required`. The server itself does not read it.'),
  JWT_JWKS_URL: variable(httpUrl, null, 'an http or https URL', 'Where the public keys of the identity provider are. With it, its tokens are accepted beside API keys.'),
  JWT_ISSUER: variable(z.string().min(1), null, 'text', 'The `iss` that tokens must have. Needed with `JWT_JWKS_URL`.'),
  JWT_AUDIENCE: variable(z.string().min(1), null, 'text', 'The `aud` that tokens must have. Needed with `JWT_JWKS_URL`.'),
  JWT_CLOCK_TOLERANCE_SECONDS: variable(integer(0, 600), '30', '0 to 600', 'By how much the clocks of this machine and the identity provider may differ.'),
  JWT_ROLE_CLAIM: variable(z.string().min(1), 'role', 'name of a claim', 'The claim of a token that is `admin`, or holds it in a list, for admins.'),
  PUBLIC_URL: variable(httpUrl, null, 'an http or https URL', 'Where clients reach the server, when it stands behind a proxy. Signed URLs begin with it.'),
  ALLOWED_ORIGINS: variable(origins, null, 'origins, separated by commas', 'Web origins that may call the server from a browser, besides its own and those on this machine.'),
  DATA_DIR: variable(path, resolve('.data'), 'a folder that can be written to', 'Where the embedded database keeps everything, and the model what it measured of this machine.'),
  DATABASE_URL: variable(postgresUrl, null, 'postgres://...', 'A Postgres of version 15 or later to use instead of the embedded one.'),
  S3_BUCKET: variable(z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/), null, 'name of a bucket', 'A bucket of an S3-compatible store that keeps the bytes of assets, instead of the database. It must exist. What the database holds already is served from there.'),
  S3_ENDPOINT: variable(httpUrl, null, 'an http or https URL', 'The store, without the bucket, e.g. `https://s3.eu-central-1.amazonaws.com`. Needed with `S3_BUCKET`.'),
  S3_PUBLIC_ENDPOINT: variable(httpUrl, null, 'an http or https URL', 'Where clients reach the store. Left out: at `S3_ENDPOINT`.'),
  S3_REGION: variable(z.string().min(1), 'us-east-1', 'name of a region', 'The region of the bucket; stores without regions take any.'),
  S3_ACCESS_KEY_ID: variable(z.string().min(1), null, 'text', 'The key that may read, write, list and delete objects of the bucket. Needed with `S3_BUCKET`.'),
  S3_SECRET_ACCESS_KEY: variable(z.string().min(1), null, 'a secret', 'Its secret. Needed with `S3_BUCKET`.'),
  S3_PRESIGN: variable(flag, '1', '0 or 1', '1: signed URLs of assets lead on to the store, and clients fetch there. 0: the bytes pass through the server, for a store that clients cannot reach.'),
  NATS_URL: variable(natsUrl, null, 'nats://..., tls://..., several with commas between', 'A NATS server that tells the other processes of news, instead of the database. For more than about 3,000 events a second. May hold `user:password@` or `token@`.'),
  NATS_SUBJECT: variable(z.string().regex(/^[\w-]+(?:\.[\w-]+)*$/), 'cinegraph', 'a NATS subject', 'The subject of the messages. Installations that share a server need different ones.'),
  SECRETS_KEY: variable(secretsKeyText, null, '32 bytes in base64', 'The key that the secrets of webhooks are stored with. Left out: `DATA_DIR/secrets.key`, which the first start makes. Several servers on one database need the same. `openssl rand -base64 32` makes one.'),
  MODEL_DIR: variable(path, resolve(ROOT, 'models/cinegraph-small'), 'a folder with a manifest.json', 'The model bundle.'),
  EXECUTION_PROVIDER: variable(z.enum(['auto', 'cuda', 'webgpu', 'cpu']), 'auto', 'auto, cuda, webgpu or cpu', 'Where the model runs. `auto` takes the fastest that passes the self-check.'),
  INFERENCE_THREADS: variable(integer(0, 256), '0', '0 to 256', 'Processor threads for the model. 0: half of the processors.'),
  MAX_ROWS: variable(integer(1, 256), '8', '1 to 256', 'Sequences that the model works on at once. A job takes one or two for each candidate.'),
  PRECISION: variable(z.enum(['auto', 'fp32']), 'auto', 'auto or fp32', '`auto`: the model multiplies as integers where that is faster on this machine, and keeps int8 caches where the bundle has graphs for them. `fp32`: never, so that several workers draw the same clip from a seed whatever each of them measured.'),
  POSITIONS_PER_RUN: variable(integer(1, 256), '32', '1 to 256', 'Positions of a clip that one run of the model draws from guesses, as many as turn out right. The clip is the same with any number. 1: one position at a time, the clips in one batch.'),
  JOB_CONCURRENCY: variable(integer(1, 64), '4', '1 to 64', 'Jobs that run at once.'),
  MAX_QUEUED_JOBS: variable(integer(1, 100_000), '200', '1 to 100000', 'Jobs that may wait; more are refused with `QUEUE_FULL`.'),
  MAX_QUERY_DEPTH: variable(integer(1, 100), '12', '1 to 100', 'How deep a document may nest its fields. Deeper ones are refused with `DOCUMENT_TOO_COMPLEX`, as are those of the next lines.'),
  MAX_QUERY_ALIASES: variable(integer(0, 1000), '15', '0 to 1000', 'Aliases in a document.'),
  MAX_QUERY_DIRECTIVES: variable(integer(0, 1000), '8', '0 to 1000', 'Directives in a document.'),
  MAX_QUERY_TOKENS: variable(integer(100, 100_000), '2000', '100 to 100000', 'Length of a document, in tokens.'),
  MAX_QUERY_COST: variable(integer(1, 1_000_000), '5000', '1 to 1000000', 'Points that one operation may cost: about one for each object it can return, pages multiplied out. `extensions.cost` tells.'),
  RATE_POINTS_PER_MINUTE: variable(integer(0, 1_000_000_000), null, '0 to 1000000000; 0 is no limit', 'Points that one owner may spend in a minute; more are refused with `RATE_LIMITED` and `Retry-After`. Left out: 600000 with `AUTH=required`, else no limit.'),
  MAX_BODY_BYTES: variable(integer(1024, 16_777_216), '262144', '1024 to 16777216', 'Longest GraphQL request, and longest message on a WebSocket, in bytes.'),
  MAX_ACTIVE_JOBS_PER_VIEWER: variable(integer(0, 100_000), null, '0 to 100000; 0 is no limit', 'Jobs of one owner that may wait or run at once; more are refused with `TOO_MANY_JOBS`. Left out: 50 with `AUTH=required`, else no limit.'),
  MAX_TOKENS_PER_DAY: variable(integer(0, 2_000_000_000), '0', '0 to 2000000000; 0 is no limit', 'Tokens that one owner may have generated in 24 hours; a job beyond them is refused with `TOKEN_BUDGET_SPENT`.'),
  TRUSTED_DOCUMENTS: variable(path, null, 'a file', 'A manifest of documents (as Relay, GraphQL Code Generator or Apollo write it). With it, every other document is refused with `DOCUMENT_NOT_TRUSTED`.'),
  MAX_OPERATIONS_PER_SOCKET: variable(integer(1, 10_000), '100', '1 to 10000', 'Operations, subscriptions above all, that one WebSocket may hold at once.'),
  MAX_CONNECTIONS_PER_VIEWER: variable(integer(1, 100_000), '1000', '1 to 100000', 'Sockets and event streams that the credentials of one owner may hold together; more are refused with `TOO_MANY_CONNECTIONS`.'),
  URL_TTL_SECONDS: variable(integer(60, 604_800), '3600', '60 to 604800', 'How long the signed URL of an asset is valid at least.'),
  MAX_UPLOAD_BYTES: variable(integer(1, 1_073_741_824), '104857600', '1 to 1073741824', 'Largest file that can be uploaded, in bytes.'),
  MAX_OPEN_UPLOADS: variable(integer(1, 10_000), '20', '1 to 10000', 'Uploads that one user may have open at once: created, and neither finalized nor expired.'),
  UPLOAD_TTL_SECONDS: variable(integer(60, 604_800), '86400', '60 to 604800', 'How long an upload may take from `createUpload` to `finalizeUpload`. What is left then is deleted.'),
  WEBHOOK_ALLOW_PRIVATE: variable(flag, '0', '0 or 1', 'Allow webhooks on this machine and in private networks. Whoever may register one can then make this server post there.'),
  METRICS_TOKEN: variable(z.string().min(16), null, 'a secret of 16 characters or more', 'What `/metrics` asks for as `Authorization: Bearer`. Without it, `/metrics` answers this machine alone.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(httpUrl, null, 'an http or https URL', 'Where to send traces by OTLP over HTTP (`/v1/traces` is added). Without it there is no tracing.'),
  MODERATION_URL: variable(httpUrl, null, 'an http or https URL', 'An endpoint that is asked before a job is begun, and again before its results are stored (docs/OPERATIONS.md). It may refuse both.'),
  MODERATION_TOKEN: variable(z.string().min(1), null, 'a secret', 'Sent to it as `Authorization: Bearer`.'),
  MODERATION_DEADLINE_SECONDS: variable(integer(1, 300), '10', '1 to 300', 'How long it may take to answer.'),
  MODERATION_FAIL: variable(z.enum(['closed', 'open']), 'closed', 'closed or open', 'What becomes of a job when it does not answer. `closed`: it is tried again, then fails with `MODERATION_UNAVAILABLE`. `open`: it goes on, and its verdict says `NOT_REVIEWED`.'),
  CONTENT_CREDENTIALS: variable(flag, '1', '0 or 1', 'Sign what is downloaded and was made here (C2PA): model, seed and parents. MP4, WAV, PNG and WebP carry it.'),
  CREDENTIALS_CERTIFICATE: variable(path, null, 'a file', 'Certificates to sign with, PEM, the own one first, for a key of P-256. Left out: `credentials` in `DATA_DIR` holds ones of its own, made at first use, for which nobody else vouches.'),
  CREDENTIALS_KEY: variable(path, null, 'a file', 'The private key of the first certificate, PEM. Needed with `CREDENTIALS_CERTIFICATE`.'),
  LOG_PROMPTS: variable(flag, '0', '0 or 1', 'Write prompts to the log, too.'),
  KEEP_ALIVE_SECONDS: variable(integer(1, 300), '12', '1 to 300', 'How often a WebSocket is pinged and a server-sent stream gets a comment. A socket that has not answered by the next ping is dropped.'),
  PREVIEW_RETENTION_HOURS: variable(integer(1, 87_600), '24', '1 to 87600', 'How long the preview pictures of a job are kept after its end.'),
  EVENT_RETENTION_HOURS: variable(integer(1, 87_600), '168', '1 to 87600', 'How long the events of tokens and frames of a job are kept after its end, and the log of webhook deliveries. State events stay as long as the job.'),
  JOB_RETENTION_HOURS: variable(integer(1, 87_600), '2160', '1 to 87600', 'How long an ended job is kept that has left no asset, or none any more, with its state events.'),
  DELETE_GRACE_SECONDS: variable(integer(0, 31_536_000), '604800', '0 to 31536000', 'How long a deleted asset can be restored; its bytes are removed then.'),
  INTEGRITY_CHECK_HOURS: variable(integer(0, 8_760), '24', '0 to 8760; 0 is never', 'How often one of the processes reads every byte and looks at every reference, as `npm run check` does. `/metrics` tells what it found.'),
  DRAIN_SECONDS: variable(integer(1, 300), '10', '1 to 300', 'How long a stop may take before what is left is ended by force.'),
  DRAIN_JOBS_SECONDS: variable(integer(0, 3600), '0', '0 to 3600', 'How long the running jobs may go on at a stop, before `DRAIN_SECONDS` begin. What is not finished then is handed back to the queue.'),
  LOG_LEVEL: variable(z.enum(['debug', 'info', 'warn', 'error', 'silent']), 'info', 'debug, info, warn, error or silent', 'The least important log line to write. Lines are JSON, on the standard error stream.'),
} as const satisfies Record<string, Variable<unknown>>;

type Name = keyof typeof VARIABLES;
type ValueOf<N extends Name> = (typeof VARIABLES)[N] extends Variable<infer T> ? T : never;

export type Role = ValueOf<'ROLE'>;

export interface Config {
  readonly role: Role;
  readonly port: number;
  readonly host: string;
  readonly publicUrl: string | undefined;
  readonly allowedOrigins: readonly string[];
  readonly auth: {
    /** False: who brings no credential is the one local user, an admin. A credential that is brought counts all the same. */
    readonly required: boolean;
    /** Undefined: API keys only. */
    readonly jwt:
      | {
          readonly jwksUrl: string;
          readonly issuer: string;
          readonly audience: string;
          readonly clockToleranceSeconds: number;
          /** Claim whose value, or one of whose values, is `admin` for admins. */
          readonly roleClaim: string;
        }
      | undefined;
  };
  /** What the command line sends. */
  readonly apiKey: string | undefined;
  readonly limits: {
    /** Sockets and streams that the credentials of one owner may hold together. */
    readonly connectionsPerViewer: number;
    readonly operationsPerSocket: number;
    readonly bodyBytes: number;
    /** Of a document. */
    readonly depth: number;
    readonly aliases: number;
    readonly directives: number;
    readonly tokens: number;
    /** Of an operation, in points. */
    readonly cost: number;
    /** Of one owner; undefined: no limit. */
    readonly pointsPerMinute: number | undefined;
    readonly activeJobs: number | undefined;
    readonly tokensPerDay: number | undefined;
  };
  /** File of the only documents that are run; undefined: all are. */
  readonly trustedDocuments: string | undefined;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  /** Undefined: the database keeps the bytes. */
  readonly objectStore:
    | {
        readonly endpoint: string;
        readonly publicEndpoint: string | undefined;
        readonly bucket: string;
        readonly region: string;
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        /** Clients fetch from the store themselves. */
        readonly presign: boolean;
      }
    | undefined;
  /** Undefined: the database carries the messages. */
  readonly nats: { readonly url: string; readonly subject: string } | undefined;
  readonly secretsKey: Buffer | undefined;
  readonly modelDir: string;
  readonly executionProvider: ValueOf<'EXECUTION_PROVIDER'>;
  /** 0: the runtime decides. */
  readonly inferenceThreads: number;
  readonly maxRows: number;
  readonly precision: ValueOf<'PRECISION'>;
  readonly positionsPerRun: number;
  readonly jobConcurrency: number;
  readonly maxQueuedJobs: number;
  readonly urlTtlSeconds: number;
  readonly uploads: {
    readonly maxBytes: number;
    readonly maxOpen: number;
    readonly ttlSeconds: number;
  };
  readonly webhookAllowPrivate: boolean;
  readonly metricsToken: string | undefined;
  readonly otlpEndpoint: string | undefined;
  /** Undefined: nothing is signed. files undefined: with an identity of the data folder's own. */
  readonly credentials: { readonly files: { readonly certificates: string; readonly privateKey: string } | undefined } | undefined;
  /** Undefined: nobody is asked. */
  readonly moderation: { readonly url: string; readonly token: string | undefined; readonly deadlineMs: number; readonly fail: 'closed' | 'open' } | undefined;
  readonly logPrompts: boolean;
  readonly keepAliveMs: number;
  readonly previewRetentionMs: number;
  readonly eventRetentionMs: number;
  readonly jobRetentionMs: number;
  readonly deleteGraceSeconds: number;
  /** 0: never. */
  readonly integrityCheckMs: number;
  readonly drainMs: number;
  /** Before drainMs begin. */
  readonly drainJobsMs: number;
  readonly logLevel: ValueOf<'LOG_LEVEL'>;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Frozen. `flags`: variables that the command line gives; they go before the environment. Throws CONFIG_INVALID naming the variable, what was wrong and what is allowed. */
export function loadConfig(given: Env = process.env, flags: Env = {}): Config {
  const env = { ...given, ...flags };
  const role = required('ROLE', env);
  if (role !== 'all' && optional('DATABASE_URL', env) === undefined) {
    throw new CinegraphError('CONFIG_INVALID', `A process with the role ${role} shares its database with others: set DATABASE_URL. The embedded database belongs to one process with the role all.`);
  }
  const host = required('HOST', env);
  const auth = authConfig(env);
  if (!isLoopback(host) && !auth.required && !required('CINEGRAPH_ALLOW_PUBLIC', env)) {
    throw new CinegraphError(
      'CONFIG_INVALID',
      `HOST is ${JSON.stringify(host)}, which others may reach, and nobody has to say who they are. Set AUTH=required, use 127.0.0.1, ::1 or localhost, or set CINEGRAPH_ALLOW_PUBLIC=1 if a proxy with a login stands in front.`,
    );
  }
  return Object.freeze({
    role,
    port: required('PORT', env),
    host,
    publicUrl: optional('PUBLIC_URL', env),
    allowedOrigins: Object.freeze(optional('ALLOWED_ORIGINS', env) ?? []),
    auth,
    apiKey: optional('CINEGRAPH_API_KEY', env),
    limits: limitsConfig(auth.required, env),
    trustedDocuments: optional('TRUSTED_DOCUMENTS', env),
    dataDir: required('DATA_DIR', env),
    databaseUrl: optional('DATABASE_URL', env),
    objectStore: objectStoreConfig(env),
    nats: natsConfig(env),
    secretsKey: optional('SECRETS_KEY', env),
    modelDir: required('MODEL_DIR', env),
    executionProvider: required('EXECUTION_PROVIDER', env),
    inferenceThreads: required('INFERENCE_THREADS', env),
    maxRows: required('MAX_ROWS', env),
    precision: required('PRECISION', env),
    positionsPerRun: required('POSITIONS_PER_RUN', env),
    jobConcurrency: required('JOB_CONCURRENCY', env),
    maxQueuedJobs: required('MAX_QUEUED_JOBS', env),
    urlTtlSeconds: required('URL_TTL_SECONDS', env),
    uploads: Object.freeze({ maxBytes: required('MAX_UPLOAD_BYTES', env), maxOpen: required('MAX_OPEN_UPLOADS', env), ttlSeconds: required('UPLOAD_TTL_SECONDS', env) }),
    webhookAllowPrivate: required('WEBHOOK_ALLOW_PRIVATE', env),
    metricsToken: optional('METRICS_TOKEN', env),
    otlpEndpoint: optional('OTEL_EXPORTER_OTLP_ENDPOINT', env),
    credentials: credentialsConfig(env),
    moderation: moderationConfig(env),
    logPrompts: required('LOG_PROMPTS', env),
    keepAliveMs: required('KEEP_ALIVE_SECONDS', env) * 1000,
    previewRetentionMs: required('PREVIEW_RETENTION_HOURS', env) * 3_600_000,
    eventRetentionMs: required('EVENT_RETENTION_HOURS', env) * 3_600_000,
    jobRetentionMs: required('JOB_RETENTION_HOURS', env) * 3_600_000,
    deleteGraceSeconds: required('DELETE_GRACE_SECONDS', env),
    integrityCheckMs: required('INTEGRITY_CHECK_HOURS', env) * 3_600_000,
    drainMs: required('DRAIN_SECONDS', env) * 1000,
    drainJobsMs: required('DRAIN_JOBS_SECONDS', env) * 1000,
    logLevel: required('LOG_LEVEL', env),
  });
}

function authConfig(env: Env): Config['auth'] {
  const authRequired = required('AUTH', env) === 'required';
  const jwksUrl = optional('JWT_JWKS_URL', env);
  if (jwksUrl === undefined) return Object.freeze({ required: authRequired, jwt: undefined });
  const jwt = { jwksUrl, issuer: required('JWT_ISSUER', env), audience: required('JWT_AUDIENCE', env), clockToleranceSeconds: required('JWT_CLOCK_TOLERANCE_SECONDS', env), roleClaim: required('JWT_ROLE_CLAIM', env) };
  return Object.freeze({ required: authRequired, jwt: Object.freeze(jwt) });
}

function objectStoreConfig(env: Env): Config['objectStore'] {
  const bucket = optional('S3_BUCKET', env);
  if (bucket === undefined) return undefined;
  return Object.freeze({
    bucket, endpoint: required('S3_ENDPOINT', env), publicEndpoint: optional('S3_PUBLIC_ENDPOINT', env), region: required('S3_REGION', env),
    accessKeyId: required('S3_ACCESS_KEY_ID', env), secretAccessKey: required('S3_SECRET_ACCESS_KEY', env), presign: required('S3_PRESIGN', env),
  });
}

function credentialsConfig(env: Env): Config['credentials'] {
  if (!required('CONTENT_CREDENTIALS', env)) return undefined;
  const certificates = optional('CREDENTIALS_CERTIFICATE', env);
  return Object.freeze({ files: certificates === undefined ? undefined : Object.freeze({ certificates, privateKey: required('CREDENTIALS_KEY', env) }) });
}

function moderationConfig(env: Env): Config['moderation'] {
  const url = optional('MODERATION_URL', env);
  if (url === undefined) return undefined;
  return Object.freeze({ url, token: optional('MODERATION_TOKEN', env), deadlineMs: required('MODERATION_DEADLINE_SECONDS', env) * 1000, fail: required('MODERATION_FAIL', env) });
}

function natsConfig(env: Env): Config['nats'] {
  const url = optional('NATS_URL', env);
  return url === undefined ? undefined : Object.freeze({ url, subject: required('NATS_SUBJECT', env) });
}

/** What a server does that lets anybody in who reaches it, on loopback as a rule: it limits nobody unless it is told to. */
function limitsConfig(authRequired: boolean, env: Env): Config['limits'] {
  const unlessZero = (limit: number | undefined): number | undefined => (limit === 0 ? undefined : limit);
  return Object.freeze({
    connectionsPerViewer: required('MAX_CONNECTIONS_PER_VIEWER', env),
    operationsPerSocket: required('MAX_OPERATIONS_PER_SOCKET', env),
    bodyBytes: required('MAX_BODY_BYTES', env),
    depth: required('MAX_QUERY_DEPTH', env),
    aliases: required('MAX_QUERY_ALIASES', env),
    directives: required('MAX_QUERY_DIRECTIVES', env),
    tokens: required('MAX_QUERY_TOKENS', env),
    cost: required('MAX_QUERY_COST', env),
    pointsPerMinute: unlessZero(optional('RATE_POINTS_PER_MINUTE', env) ?? (authRequired ? 600_000 : undefined)),
    activeJobs: unlessZero(optional('MAX_ACTIVE_JOBS_PER_VIEWER', env) ?? (authRequired ? 50 : undefined)),
    tokensPerDay: unlessZero(required('MAX_TOKENS_PER_DAY', env)),
  });
}

function optional<N extends Name>(name: N, env: Env): ValueOf<N> | undefined {
  const row: Variable<unknown> = VARIABLES[name];
  const given = env[name]?.trim();
  const text = given === undefined || given === '' ? row.default : given;
  if (text === null) return undefined;
  const result = row.schema.safeParse(text);
  if (!result.success) {
    const shown = HIDDEN[name] ?? JSON.stringify(text);
    throw new CinegraphError('CONFIG_INVALID', `${name} is ${shown}; allowed: ${row.allowed}.`);
  }
  return result.data as ValueOf<N>;
}

/** What is said instead of values that hold a secret. */
const HIDDEN: Partial<Record<Name, string>> = { DATABASE_URL: 'not a Postgres URL', NATS_URL: 'not valid', S3_SECRET_ACCESS_KEY: 'not valid', SECRETS_KEY: 'not a key' };

function required<N extends Name>(name: N, env: Env): ValueOf<N> {
  const value = optional(name, env);
  if (value === undefined) throw new CinegraphError('CONFIG_INVALID', `${name} is not set; allowed: ${VARIABLES[name].allowed}.`);
  return value;
}
