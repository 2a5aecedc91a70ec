/** The server as a program: starts the app, says so, and stops it on a signal. */
import { parseArgs } from 'node:util';
import { destination, pino, type Logger } from 'pino';
import type { App, StartStep } from './app.ts';
import { loadConfig } from './config.ts';
import { CinegraphError } from './errors.ts';
import { logFields } from './log-context.ts';
import { VERSION } from './version.ts';
import { wayOut } from './ways-out.ts';

const EXIT_FAILED = 1;
const EXIT_FORCED = 130;

async function main(): Promise<void> {
  const config = loadConfig(undefined, flags());
  const log = pino({ level: config.logLevel, base: null, mixin: logFields }, destination({ dest: 2, sync: true }));
  say(`Cinegraph ${VERSION}`);
  // Loaded late: a wrong configuration is told before a second of imports.
  const { startApp } = await import('./app.ts');
  const starting = startApp({ config, log, onStep: (step, detail) => say(`  ${LABELS[step]} ${detail}`) });
  const stopping = stopOnSignals(starting, log);
  const app = await starting;
  try {
    await app.ready;
    if (!stopping.aborted) say(config.role === 'worker' ? `\n  Ready. Jobs are taken; health and metrics at ${app.url}\n` : banner(app.url, config.auth.required));
  } catch (error) {
    // While stopping, the model is gone because we closed it.
    if (stopping.aborted) return;
    await app.close();
    throw error;
  }
}

/** `--role api` says what `ROLE=api` says. */
function flags(): { readonly ROLE?: string } {
  try {
    const { values: { role } } = parseArgs({ options: { role: { type: 'string' } } });
    return role === undefined ? {} : { ROLE: role };
  } catch (cause) {
    throw new CinegraphError('CONFIG_INVALID', `${(cause as Error).message.replace(/\.?$/, '.')} There is one flag: --role all, api or worker.`, { cause });
  }
}

const LABELS: Readonly<Record<StartStep, string>> = {
  server: 'listening ',
  database: 'database  ',
  model: 'model     ',
};

function banner(url: string, authRequired: boolean): string {
  return [
    '',
    '  Ready. Type a prompt and see it being made:',
    `  ${url}/`,
    '',
    `  GraphQL   ${url}/graphql    (HTTP and WebSocket; server-sent events at /graphql/stream)`,
    `  GraphiQL  ${url}/graphiql`,
    ...(authRequired ? ['  Keys      npm run keys -- create --name "web app" --owner ada'] : []),
    '',
  ].join('\n');
}

/** The first signal stops in order, the second at once. The returned signal is aborted by the first. */
function stopOnSignals(starting: Promise<App>, log: Logger): AbortSignal {
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) {
      say('Stopped by force. Jobs that were running start again with the next run.');
      process.exit(EXIT_FORCED);
    }
    stopping.abort();
    say('Stopping: running jobs are finished or handed back. Press Ctrl-C again to force.');
    log.info({ signal }, 'stopping');
    starting
      .then((app) => app.close())
      .then(() => process.exit(0))
      .catch(fail);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stopping.signal;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line for what a person can put right; a stack only for faults of ours. */
function fail(error: unknown): void {
  const text = error instanceof CinegraphError ? [`${error.code}: ${error.message}`, wayOut(error.code)].filter(Boolean).join(' ') : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`Cinegraph cannot run. ${text}\n`);
  process.exit(EXIT_FAILED);
}

await main().catch(fail);
