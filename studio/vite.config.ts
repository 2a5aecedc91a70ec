import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** `npx vite studio` serves the sources, with a running server behind them (CINEGRAPH_URL, default http://127.0.0.1:4000). */
const backend = process.env['CINEGRAPH_URL'] ?? 'http://127.0.0.1:4000';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  oxc: { jsx: { runtime: 'automatic' } },
  server: { proxy: { '/graphql': { target: backend, ws: true }, '/media': backend, '/graphiql': backend } },
  build: {
    target: 'es2023',
    // The page's policy allows no inline script and no data: script.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    assetsDir: 'studio',
    rolldownOptions: {
      checks: { pluginTimings: false },
      onwarn(warning, warn) {
        // "use client" of react-query: there are no server components here.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
});
