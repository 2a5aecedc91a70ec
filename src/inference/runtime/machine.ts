/** What decides which kernels run here, and how: the names under which findings about this machine are kept. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, release } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from 'onnxruntime-node';

/** Lines of /proc/cpuinfo that tell a processor from others; a virtual machine may give all of them one model name. */
const PROCESSOR = /^(?:vendor_id|cpu family|model|model name|stepping|flags|CPU (?:implementer|architecture|variant|part|revision)|Features)\s*:.*$/gm;

/** Where device nodes of GPUs are, and where the dynamic loader and Vulkan look for drivers, those of software too. */
const DEVICES = ['/dev', '/dev/dri'];
const LOADER_CACHE = '/etc/ld.so.cache';
const VULKAN = ['/etc/vulkan', '/usr/share/vulkan', '/usr/local/share/vulkan'].flatMap((folder) => [`${folder}/icd.d`, `${folder}/implicit_layer.d`]);
const GPU_NODE = /^(?:nvidia.*|card\d+|renderD\d+|kfd|dxg|mali\d*)$/;
/** Variables by which Vulkan, its drivers and CUDA are told what to load. */
const DRIVER_VARIABLE = /^(?:VK_|MESA_|LIBGL_|CUDA_|NVIDIA_|ROC|HIP_|LD_LIBRARY_PATH$|LD_PRELOAD$|XDG_(?:DATA|CONFIG)_)/;

/** The processor and the library that computes on it, e.g. `onnxruntime 1.30.0 (5f1c60a2b3d4), AMD EPYC (90aa31c7e412)`. */
export async function processorKey(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const first = text.split('\n\n', 1)[0] ?? '';
  return `${await libraryKey()}, ${cpus()[0]?.model.trim() ?? 'CPU'} (${short([process.arch, ...(first.match(PROCESSOR) ?? [])])})`;
}

/** A machine without a GPU, and what else might compute in its place; undefined where there is one or it cannot be told. */
export async function noGpuKey(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined;
  const nodes = (await Promise.all(DEVICES.map(async (folder) => (await readdir(folder).catch(() => [])).filter((name) => GPU_NODE.test(name))))).flat();
  if (nodes.length > 0) return undefined;
  const vulkan = (await Promise.all(VULKAN.map(filesOf))).flat();
  const variables = Object.entries(process.env).filter(([name]) => DRIVER_VARIABLE.test(name)).map(([name, value]) => `${name}=${value}`);
  return `${await processorKey()}, no GPU (${short([release(), await fileKey(LOADER_CACHE), ...vulkan, ...variables.toSorted()])})`;
}

/** Another build of the same version has files of other sizes. */
async function libraryKey(): Promise<string> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '../bin');
  return `onnxruntime ${env.versions.node} (${short(await filesOf(folder))})`;
}

/** Path, size and date of all files in a folder. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return (await Promise.all(entries.filter((entry) => !entry.isDirectory()).map(async (entry) => await fileKey(join(entry.parentPath, entry.name))))).toSorted();
}

async function fileKey(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return `${path} ${found?.size} ${found?.mtimeMs}`;
}

function short(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12);
}
