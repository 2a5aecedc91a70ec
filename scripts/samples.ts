/**
 * `node scripts/samples.ts [folder] [--cases cases.json]`: makes the README's strips of what the model draws: the first ten text-to-video cases of
 * bench/quality (of its work folder), a film of six shots after a story, and one clip in every style. MODEL_DIR takes another bundle.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { pino } from 'pino';
import sharp from 'sharp';
import { startApp } from '../src/app.ts';
import { createCinegraphClient, type JobHandle } from '../src/client/index.ts';
import { loadConfig } from '../src/config.ts';
import { readCases } from '../bench/quality/cases.ts';

const SIDE = 128;
const SAMPLES = 10;
const STORY = 'A penguin moves right in a meadow. A dog bounces on a yellow background. A rocket moves up at night. '
  + 'A ghost sways at night. A rooster stays still at sunset. A butterfly moves left in front of sunflowers.';
const STYLED = 'a penguin bounces on a yellow background';
const STYLES = ['in flat colors', 'with black outlines', 'in pixel art style', 'as a pencil sketch', 'in moonlight'] as const;

const command = new Command('samples').argument('[folder]', 'where the pictures go', 'docs').option('--cases <folder>', 'a work folder of bench/quality').parse();
const folder = path.resolve(command.args[0] ?? 'docs');
const { cases: work } = command.opts<{ cases?: string }>();
await mkdir(folder, { recursive: true });
const dataDir = await mkdtemp(path.join(tmpdir(), 'cinegraph-samples-'));
const app = await startApp({ config: loadConfig({ ...process.env, DATA_DIR: dataDir, PORT: '0' }), log: pino({ level: 'silent' }), onStep: () => undefined });
const client = createCinegraphClient({ url: app.url });
try {
  await app.ready;
  if (work !== undefined) {
    const cases = (await readCases(work)).filter(({ task }) => task === 'textToVideo').slice(0, SAMPLES);
    const rows = [];
    for (const { input } of cases) rows.push(stills((await clips(await client.textToVideo(input as { prompt: string }))).flat(), 5));
    await sheet('samples', rows);
  }
  const film = await client.createFilm({ title: 'One day', story: STORY, seed: 1, withAudio: true });
  const shots = await clips(film);
  await sheet('film', [shots.flatMap((frames) => [frames[4], frames[12]].filter((frame) => frame !== undefined))]);
  const first = await client.textToVideo({ prompt: STYLED, seed: 1 });
  const rows = [stills((await clips(first)).flat(), 5)];
  const video = (await first.result()).outputs[0]?.id ?? '';
  for (const style of STYLES) rows.push(stills((await clips(await client.stylizeVideo({ video, prompt: style, seed: 1 }))).flat(), 5));
  await sheet('styles', rows);
} finally {
  client.close();
  await app.close();
  await rm(dataDir, { recursive: true, force: true });
}

/** The pictures of what a job makes: of every shot of a film, else of its one clip. */
async function clips(job: JobHandle): Promise<Buffer[][]> {
  const found: Buffer[][] = [[]];
  for await (const event of client.watchJob(job.id, { previews: true })) {
    if (event.__typename === 'ShotStarted' && found.at(-1)?.length !== 0) found.push([]);
    if (event.__typename !== 'FramesDecoded' || !event.final) continue;
    for (const { dataUrl } of event.frames) {
      if (dataUrl != null) found.at(-1)?.push(Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64'));
    }
  }
  return found;
}

/** So many pictures of a clip at even distances, the first and the last among them. */
function stills(frames: readonly Buffer[], count: number): Buffer[] {
  return Array.from({ length: count }, (_, at) => frames[Math.round((at * (frames.length - 1)) / (count - 1))]).filter((frame) => frame !== undefined);
}

/** Pictures side by side, a row each. */
async function sheet(name: string, rows: readonly (readonly Buffer[])[]): Promise<void> {
  const width = SIDE * Math.max(...rows.map((row) => row.length));
  const placed = await Promise.all(rows.flatMap((row, y) => row.map(async (frame, x) => ({ input: await sharp(frame).resize(SIDE, SIDE).toBuffer(), left: x * SIDE, top: y * SIDE }))));
  const image = sharp({ create: { width, height: SIDE * rows.length, channels: 3, background: 'white' } }).composite(placed);
  const webp = await image.webp({ quality: 80, effort: 6 }).toBuffer();
  await writeFile(path.join(folder, `${name}.webp`), webp);
  console.log(`wrote ${name}.webp, ${Math.round(webp.byteLength / 1000)} kB`);
}
