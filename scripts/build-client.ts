/** `npm run build:client`: the client as a package, ready for `npm pack` or `npm publish`, in dist/client. */
import { execFile } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '..');
const TARGET = resolve(ROOT, process.argv[2] ?? 'dist/client');

await rm(TARGET, { recursive: true, force: true });
await mkdir(TARGET, { recursive: true });
await promisify(execFile)(process.execPath, [resolve(ROOT, 'node_modules/typescript/bin/tsc'), '-p', resolve(ROOT, 'src/client/tsconfig.json'), '--outDir', resolve(TARGET, 'dist')]);
await cp(resolve(ROOT, 'src/client/package.json'), resolve(TARGET, 'package.json'));
await cp(resolve(ROOT, 'src/client/README.md'), resolve(TARGET, 'README.md'));
await cp(resolve(ROOT, 'LICENSE'), resolve(TARGET, 'LICENSE'));
console.log(`wrote ${TARGET}`);
