import { existsSync } from 'node:fs';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { cpus, freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { broken, note, ok, type Check } from './check.ts';

const GIB = 1024 ** 3;
const MIN_DISK = 1 * GIB;
const MIN_MEMORY = 1 * GIB;
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;

export const nodeVersion: Check = {
  name: 'Node.js',
  async run() {
    const [major = 0] = process.versions.node.split('.').map(Number);
    if (major >= 24) return ok(`${process.version}, ${process.platform} ${process.arch}`);
    return broken(`${process.version} cannot run TypeScript sources`, 'Use `npm run ...`: npm install brings Node.js 24 along and scripts run it.');
  },
};

/** Parts with native code, one import each: an import fails when the binary for this platform is missing. */
export const nativeParts: Check = {
  name: 'Native parts',
  async run() {
    const missing: string[] = [];
    for (const name of ['sharp', 'node-av']) {
      await import(name).catch((error: unknown) => missing.push(`${name} (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`));
    }
    if (missing.length === 0) return ok('sharp and node-av load');
    return broken(`cannot load ${missing.join('; ')}`, 'Delete node_modules and run `npm install` on this very machine, with optional dependencies.');
  },
};

export const dataFolder: Check = {
  name: 'Data folder',
  async run({ dataDir }) {
    const probe = join(dataDir, `.doctor-${process.pid}`);
    try {
      await mkdir(dataDir, { recursive: true });
      await writeFile(probe, '');
      await rm(probe);
    } catch (error) {
      return broken(`${dataDir} cannot be written to: ${error instanceof Error ? error.message : String(error)}`, 'Choose another folder with DATA_DIR, or give this user the right to write there.');
    }
    return ok(dataDir);
  },
};

export const diskSpace: Check = {
  name: 'Disk space',
  async run({ dataDir }) {
    const { bavail, bsize } = await statfs(existsSync(dataDir) ? dataDir : dirname(dataDir));
    const free = bavail * bsize;
    if (free >= MIN_DISK) return ok(`${gib(free)} free`);
    return broken(`${gib(free)} free on the disk of ${dataDir}`, `Make room for at least ${gib(MIN_DISK)}, or choose another DATA_DIR.`);
  },
};

export const memory: Check = {
  name: 'Memory',
  async run() {
    const text = `${gib(freemem())} free of ${gib(totalmem())}, ${cpus().length} processors`;
    return freemem() >= MIN_MEMORY ? ok(text) : note(text, 'Close other programs: the model needs about 1 GiB.');
  },
};

export const port: Check = {
  name: 'Port',
  async run({ host, port: number }) {
    if (await canListen(host, number)) return ok(`${number} on ${host} is free`);
    const answer = await fetch(`http://127.0.0.1:${number}/health/live`, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    if (answer?.ok === true) return note(`${number} on ${host} is taken by a server that looks like Cinegraph`, 'Nothing to do if it is meant to run.');
    return broken(`${number} on ${host} is taken by another program`, 'Stop that program, or choose another PORT.');
  },
};

function canListen(host: string, number: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(number, host, () => server.close(() => resolve(true)));
  });
}
