/** Begins the program. Imported by nothing: what is loaded from here on comes from the compile cache, if it is in there. */
import { useCompileCache } from './compile-cache.ts';

useCompileCache();
await import('./program.ts');
