/**
 * Loaded before the program in each process of a bench (`NODE_OPTIONS=--import`): on SIGUSR2 a process lets go of all it can, and writes what it holds
 * then to the file `MEMORY_PROBE/PID`.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

const folder = process.env['MEMORY_PROBE'];

if (isMainThread && folder !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  process.on('SIGUSR2', () => {
    const before = process.memoryUsage();
    // As V8 does before it would run out of memory: until nothing more is found, and free pages go back to the system.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    const file = join(folder, String(process.pid));
    writeFileSync(`${file}.new`, JSON.stringify({ before, after: process.memoryUsage(), cpu: process.cpuUsage() }));
    renameSync(`${file}.new`, file);
  });
}
