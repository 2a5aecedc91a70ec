/** `npm run generate -- "a polar bear bounces on a red background" --seed 7 -o bear.mp4` */
import { Command, InvalidArgumentError } from 'commander';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { AccessError, CinegraphClientError, createCinegraphClient, UnreachableError, type CinegraphClient, type Job, type JobEvent, type JobHandle } from '../client/index.ts';
import { loadConfig } from '../config.ts';
import { CinegraphError } from '../errors.ts';
import { connect, type Connection } from './connect.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { fileName } from './file-name.ts';
import { contentTypeOf, taskOf, type TaskOptions, UsageError } from './task-of.ts';
import { createReporter, type Reporter } from './reporter.ts';

interface Options extends TaskOptions {
  readonly output?: string;
  readonly url?: string;
  readonly apiKey?: string;
}

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
};

const command = new Command('generate')
  .description('Makes a clip (or an image, a sound, a text) from a prompt or a file and writes it to a file. Uses the server that runs, or starts one for the time.')
  .argument('[prompt]', 'what the clip should show')
  .option('--image', 'make an image instead of a clip')
  .option('--audio', 'make a sound instead of a clip')
  .option('--text', 'say what is in the file')
  .option('--from <file>', 'a picture, a clip or a sound to make it from')
  .option('--muxed', 'with --from a clip and --audio: write the clip with its new sound')
  .option('--with-audio', 'make the sound of the clip, too')
  .option('--upscale', 'twice as wide and high (clips and images)')
  .option('-o, --output <file>', 'where to write it (default: named after the prompt, in this folder)')
  .option('-s, --seed <number>', 'the same seed gives the same clip (default: random)', number)
  .option('-n, --candidates <number>', 'how many different ones to make, 1 to 4', number)
  .option('--duration <seconds>', 'how long the clip should be (default: the length the model was trained on)', number)
  .option('--camera <words>', 'camera, for example "pan left" (clips only)')
  .option('--style <words>', 'look, for example "pixel art"; with --from a clip: the look that it takes')
  .option('--temperature <number>', '0 is the most likely, higher is more varied', number)
  .option('--guidance <number>', 'how strongly the prompt steers', number)
  .option('--url <url>', 'the server to use (default: the one on PORT of this machine)')
  .option('--api-key <key>', 'for a server that asks for one (default: CINEGRAPH_API_KEY, which others on this machine cannot see)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.OK : EXIT.USAGE));

async function run(prompt: string | undefined, options: Options): Promise<ExitCode> {
  const config = loadConfig();
  const reporter = createReporter(process.stderr);
  const connection = await connect(config, options.url, (line) => reporter.line(line));
  try {
    const token = options.apiKey ?? config.apiKey;
    const client = createCinegraphClient({ url: connection.url, ...(token === undefined ? {} : { token }) });
    return await generate(client, connection, prompt, options, reporter);
  } finally {
    reporter.stop();
    await connection.close();
  }
}

async function generate(client: CinegraphClient, connection: Connection, prompt: string | undefined, options: Options, reporter: Reporter): Promise<ExitCode> {
  const job = await client.generate(await taskOf(prompt, options, (file) => upload(client, file)));
  const told = new Set<string>();
  const warn = ({ warnings }: Pick<Job, 'warnings'>): void => {
    for (const { message } of warnings.filter((each) => !told.has(each.message))) {
      told.add(message);
      reporter.line(message);
    }
  };
  const release = cancelOnInterrupt(client, job.id, reporter);
  try {
    for await (const event of job.events()) {
      reporter.show(event);
      // The model has read the prompt by now, and what a clip is made from.
      if (event.__typename === 'JobStarted') warn(await job.reload());
      if (event.__typename === 'AssetReady') await save(client, job, prompt, event, options, reporter);
      if (event.__typename !== 'JobFinished') continue;
      warn(event.job);
      return finish(event.job, reporter);
    }
  } finally {
    release();
  }
  throw new UnreachableError(connection.url);
}

async function upload(client: CinegraphClient, file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new UsageError(`${file} cannot be read.`, { cause });
  });
  return (await client.upload(new Blob([bytes], { type: contentTypeOf(file) }), { filename: basename(file) })).id;
}

async function save(
  client: CinegraphClient,
  job: JobHandle,
  prompt: string | undefined,
  { asset, candidate }: Extract<JobEvent, { __typename: 'AssetReady' }>,
  options: Options,
  reporter: Reporter,
): Promise<void> {
  const several = (options.candidates ?? 1) > 1;
  const file = resolve(fileName(options.output, { prompt: prompt ?? asset.title ?? '', seed: job.seed, contentType: asset.contentType, candidate: several ? candidate : null }));
  // As a download: where the file can carry it, it says where it is from.
  await writeFile(file, await client.download({ url: `${asset.url}&download=1` }));
  reporter.saved(file);
  if (asset.__typename === 'TextAsset') reporter.line(asset.text);
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
  if (error instanceof UsageError) return EXIT.USAGE;
  if (error instanceof CinegraphClientError) return UNAVAILABLE_CODES.has(error.code) ? EXIT.UNAVAILABLE : EXIT.USAGE;
  if (error instanceof CinegraphError) return error.code === 'CONFIG_INVALID' ? EXIT.USAGE : EXIT.UNAVAILABLE;
  return EXIT.FAILED;
}

const KEY_HELP = 'Give a key that works as CINEGRAPH_API_KEY or --api-key; whoever runs the server makes one with `npm run keys -- create --name cli`.';

function describe(error: unknown): string {
  if (error instanceof AccessError) return `${error.code}: ${error.message}${error.code === 'UNAUTHENTICATED' ? ` ${KEY_HELP}` : ''}`;
  if (error instanceof CinegraphClientError || error instanceof CinegraphError) return `${error.code}: ${error.message}`;
  if (error instanceof UsageError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

command.action(async (prompt: string | undefined, options: Options) => {
  try {
    process.exit(await run(prompt, options));
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(exitCodeOf(error));
  }
});
await command.parseAsync();
