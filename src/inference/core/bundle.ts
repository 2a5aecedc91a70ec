/** Opens a bundle folder: manifest parsed, every file's size and sha256 compared before anything is loaded. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CinegraphError } from '../../errors.ts';
import type { AudioInfo, BundleInfo } from './generation.ts';
import { parseManifest, type Manifest } from './manifest.ts';
import { stylesWithin } from './styles.ts';

export interface Bundle {
  readonly dir: string;
  readonly manifest: Manifest;
  /** sha256 of manifest.json, hex. */
  readonly digest: string;
}

/** Reads and verifies the bundle in `dir`. Throws BUNDLE_CORRUPT naming the file and what is wrong with it. */
export async function openBundle(dir: string): Promise<Bundle> {
  const bytes = await readFile(join(dir, 'manifest.json')).catch((cause: unknown) => {
    throw corrupt(`manifest.json cannot be read in ${dir} (${errorCode(cause)})`);
  });
  const manifest = parseManifest(bytes.toString('utf8'));
  for (const file of manifest.files) await verifyFile(dir, file);
  return { dir, manifest, digest: createHash('sha256').update(bytes).digest('hex') };
}

/** Absolute path of one of the bundle's files. */
export function bundleFile(bundle: Bundle, path: string): string {
  return join(bundle.dir, path);
}

async function verifyFile(dir: string, file: Manifest['files'][number]): Promise<void> {
  const path = join(dir, file.path);
  const found = await stat(path).catch((cause: unknown) => {
    throw corrupt(`${file.path} cannot be read (${errorCode(cause)})`);
  });
  if (!found.isFile()) throw corrupt(`${file.path} is not a file`);
  if (found.size !== file.byteSize) throw corrupt(`${file.path} has ${found.size} bytes, the manifest says ${file.byteSize}`);
  const sha256 = await hashFile(path);
  if (sha256 !== file.sha256) throw corrupt(`${file.path} was altered: its sha256 is ${sha256}, the manifest says ${file.sha256}`);
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What callers outside inference may know of a bundle. `deterministic` is the engine's default. */
export function describeBundle({ manifest, digest }: Bundle, deterministic: boolean): BundleInfo {
  const { video, text } = manifest;
  return {
    name: manifest.name,
    digest,
    description: manifest.description,
    tasks: manifest.tasks,
    styles: stylesWithin(manifest.knownWords),
    languages: manifest.languages,
    width: video.width,
    height: video.height,
    upscaled: manifest.superResolution === undefined ? null : { width: video.width * manifest.superResolution.scale, height: video.height * manifest.superResolution.scale },
    fps: video.fps,
    frameCount: 1 + video.framesPerLatent * (video.grid[0] - 1),
    grid: video.grid,
    framesPerLatent: video.framesPerLatent,
    windows: manifest.languageModel.windows,
    codec: codecDigest(manifest, (path) => path === video.codebook || path.startsWith('video-')),
    maxPromptCharacters: text.maxCharacters,
    sampling: { ...manifest.sampling, deterministic },
    taskSampling: Object.fromEntries(Object.entries(manifest.taskSampling).map(([task, own]) => [task, { ...own, deterministic }])),
    audio: describeAudio(manifest, deterministic),
    caption: manifest.languageModel.textHead === undefined || manifest.textSampling === undefined ? null : { maxTokens: text.maxTokens, sampling: { ...manifest.textSampling, deterministic } },
    examples: manifest.examples,
    trainingCommit: manifest.trainingCommit,
  };
}

function describeAudio(manifest: Manifest, deterministic: boolean): AudioInfo | null {
  const { audio, audioSampling } = manifest;
  if (audio === undefined || audioSampling === undefined) return null;
  const { sampleRate, samplesPerFrame, levels, framesPerClip } = audio;
  return { sampleRate, samplesPerFrame, levels, framesPerClip, codec: codecDigest(manifest, (path) => path.startsWith('audio-')), sampling: { ...audioSampling, deterministic } };
}

/** sha256 over the files that say what a code stands for and how frames, or samples, become codes, hex. */
function codecDigest({ files }: Manifest, belongs: (path: string) => boolean): string {
  const hash = createHash('sha256');
  for (const { path, sha256 } of files) if (belongs(path)) hash.update(`${path} ${sha256}\n`);
  return hash.digest('hex');
}

function errorCode(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? String(cause);
}

function corrupt(what: string): CinegraphError {
  return new CinegraphError('BUNDLE_CORRUPT', `The model bundle cannot be used: ${what}.`);
}
