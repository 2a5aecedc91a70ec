// Makes src/generated (the Prisma client and, where codegen.ts is present, the GraphQL types), builds the Studio and fills the compile cache. npm runs this after an install,
// perhaps with an older Node than ours: it is plain JavaScript and hands the work to the Node that package.json pins. No network.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = path => fileURLToPath(new URL(`../${path}`, import.meta.url));
const pinned = [at('node_modules/node/bin/node'), at('node_modules/node/node.exe')].find(existsSync) ?? process.execPath;

run('prisma generate', 'node_modules/prisma/build/index.js', ['generate']);
if (existsSync(at('codegen.ts'))) run('graphql-codegen', 'node_modules/@graphql-codegen/cli/cjs/bin.js', ['--config', 'codegen.ts']);
if (existsSync(at('studio/build.ts'))) run('building the Studio', 'studio/build.ts', []);
// Only the first start is slower without.
run('filling the compile cache', 'scripts/fill-compile-cache.ts', [], { needed: false });

function run(name, program, args, { needed = true } = {}) {
  if (!existsSync(at(program))) {
    console.error(`generate: ${program} is missing; install the development dependencies (npm install without --omit=dev).`);
    process.exit(1);
  }
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  const { status, stdout, stderr, error } = spawnSync(pinned, [at(program), ...args], { cwd: root, env, encoding: 'utf8', timeout: 120_000 });
  if (status === 0) return;
  console.error(`generate: ${name} failed\n${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`);
  if (needed) process.exit(1);
}
