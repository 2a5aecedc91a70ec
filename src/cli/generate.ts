/** `npm run generate -- "a polar bear bounces on a red background" --seed 7 -o bear.mp4` */
import { Command, InvalidArgumentError } from 'commander';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CinegraphClientError, createCinegraphClient, UnreachableError, type CinegraphClient, type Job, type JobEvent, type JobHandle } from '../client/index.ts';
import { loadConfig } from '../config.ts';
import { CinegraphError } from '../errors.ts';
import { connect, type Connection } from './connect.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { fileName } from './file-name.ts';
import { createReporter, type Reporter } from './reporter.ts';

interface Options {
  readonly image?: boolean;
  readonly seed?: number;
  readonly output?: string;
  readonly candidates?: number;
  readonly duration?: number;
  readonly camera?: string;
  readonly style?: string;
  readonly temperature?: number;
  readonly guidance?: number;
  readonly url?: string;
}

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
};

const command = new Command('generate')
  .description('Makes a clip (or, with --image, an image) from a prompt and writes it to a file. Uses the server that runs, or starts one for the time.')
  .argument('<prompt>', 'what the clip should show')
  .option('--image', 'make an image instead of a clip')
  .option('-o, --output <file>', 'where to write it (default: named after the prompt, in this folder)')
  .option('-s, --seed <number>', 'the same seed gives the same clip (default: random)', number)
  .option('-n, --candidates <number>', 'how many different ones to make, 1 to 4', number)
  .option('--duration <seconds>', 'how long the clip should be (default: the length the model was trained on)', number)
  .option('--camera <words>', 'camera, for example "pan left" (clips only)')
  .option('--style <words>', 'look, for example "at night"')
  .option('--temperature <number>', '0 is the most likely, higher is more varied', number)
  .option('--guidance <number>', 'how strongly the prompt steers', number)
  .option('--url <url>', 'the server to use (default: the one on PORT of this machine)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.OK : EXIT.USAGE));

async function run(prompt: string, options: Options): Promise<ExitCode> {
  const config = loadConfig();
  const reporter = createReporter(process.stderr);
  const connection = await connect(config, options.url, (line) => reporter.line(line));
  try {
    const client = createCinegraphClient({ url: connection.url });
    return await generate(client, connection, prompt, options, reporter);
  } finally {
    reporter.stop();
    await connection.close();
  }
}

async function generate(client: CinegraphClient, connection: Connection, prompt: string, options: Options, reporter: Reporter): Promise<ExitCode> {
  const { seed, candidates, duration, camera, style, temperature, guidance } = options;
  const input = {
    prompt,
    ...(seed === undefined ? {} : { seed }),
    ...(candidates === undefined ? {} : { candidates }),
    ...(style === undefined ? {} : { style }),
    sampling: { ...(temperature === undefined ? {} : { temperature }), ...(guidance === undefined ? {} : { guidance }) },
  };
  const job =
    options.image === true ? await client.textToImage(input) : await client.textToVideo({ ...input, ...(duration === undefined ? {} : { durationMs: Math.round(duration * 1000) }), ...(camera === undefined ? {} : { camera }) });
  for (const warning of job.warnings) reporter.line(warning.message);
  const release = cancelOnInterrupt(client, job.id, reporter);
  try {
    for await (const event of job.events()) {
      reporter.show(event);
      if (event.__typename === 'AssetReady') await save(client, job, prompt, event, options, reporter);
      if (event.__typename === 'JobFinished') return finish(event.job, reporter);
    }
  } finally {
    release();
  }
  throw new UnreachableError(connection.url);
}

async function save(
  client: CinegraphClient,
  job: JobHandle,
  prompt: string,
  { asset, candidate }: Extract<JobEvent, { __typename: 'AssetReady' }>,
  options: Options,
  reporter: Reporter,
): Promise<void> {
  const several = (options.candidates ?? 1) > 1;
  const file = resolve(fileName(options.output, { prompt, seed: job.seed, contentType: asset.contentType, candidate: several ? candidate : null }));
  await writeFile(file, await client.download(asset));
  reporter.saved(file);
}

function finish(job: Job, reporter: Reporter): ExitCode {
  reporter.stop();
  switch (job.status) {
    case 'SUCCEEDED':
      reporter.line(`Seed ${job.seed}. The same prompt with --seed ${job.seed} makes it again.`);
      return EXIT.OK;
    case 'CANCELED':
      reporter.line('Canceled.');
      return EXIT.CANCELED;
    default:
      reporter.line(`${job.error?.code ?? 'FAILED'}: ${job.error?.message ?? 'The job failed.'}`);
      return EXIT.FAILED;
  }
}

/** Ctrl-C cancels the job; a second one leaves at once. */
function cancelOnInterrupt(client: CinegraphClient, jobId: string, reporter: Reporter): () => void {
  let interrupted = false;
  const onInterrupt = () => {
    if (interrupted) process.exit(EXIT.CANCELED);
    interrupted = true;
    reporter.line('Canceling...');
    client.cancel(jobId).catch((error: unknown) => reporter.line(describe(error)));
  };
  process.on('SIGINT', onInterrupt);
  return () => process.off('SIGINT', onInterrupt);
}

const UNAVAILABLE_CODES: ReadonlySet<string> = new Set(['UNREACHABLE', 'DATABASE_UNAVAILABLE', 'INFERENCE_UNAVAILABLE', 'INTERNAL']);

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CinegraphClientError) return UNAVAILABLE_CODES.has(error.code) ? EXIT.UNAVAILABLE : EXIT.USAGE;
  if (error instanceof CinegraphError) return error.code === 'CONFIG_INVALID' ? EXIT.USAGE : EXIT.UNAVAILABLE;
  return EXIT.FAILED;
}

function describe(error: unknown): string {
  if (error instanceof CinegraphClientError || error instanceof CinegraphError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

command.action(async (prompt: string, options: Options) => {
  try {
    process.exit(await run(prompt, options));
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(exitCodeOf(error));
  }
});
await command.parseAsync();
