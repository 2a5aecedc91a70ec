/**
 * Compiled modules are kept on disk (node:module, "Module compile cache"): a start reads some 2,000 files, and to strip and compile them takes as long as all the rest. An entry holds for the
 * text of its file and for this very Node; whoever cannot write there goes without.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/** An installation of other dependencies removes it, and makes it anew (scripts/generate.mjs). */
const FOLDER = fileURLToPath(new URL('../node_modules/.cache/cinegraph/compiled', import.meta.url));

/** For what this process and those that it starts load from now on. Each keeps what it compiled when it ends, or when it says so by `flushCompileCache`. */
export function useCompileCache(): void {
  process.env['NODE_COMPILE_CACHE'] ??= FOLDER;
  enableCompileCache(process.env['NODE_COMPILE_CACHE']);
}
