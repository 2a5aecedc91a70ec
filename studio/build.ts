/** Builds the Studio into dist/studio. Into a folder of its own first: a server that starts meanwhile finds the old one or the new one, never half of one. */
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'vite';

const dist = path.resolve(import.meta.dirname, '../dist');
const fresh = path.join(dist, `studio-${process.pid}`);
const target = path.join(dist, 'studio');

try {
  await build({ configFile: path.join(import.meta.dirname, 'vite.config.ts'), logLevel: 'warn', build: { outDir: fresh, emptyOutDir: true } });
  await rm(target, { recursive: true, force: true });
  await rename(fresh, target);
} finally {
  await rm(fresh, { recursive: true, force: true });
}
