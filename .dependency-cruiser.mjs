/**
 * The layers, drawn in README.md ("How it is built"). Arrows run one way:
 * main -> server -> resolvers -> (services, loaders) -> (db, jobs, media, inference) and, inside inference,
 * pipelines -> engine -> (scheduler -> kv-cache, sampling, models -> (tokenizers, runtime)) -> core.
 */
const inner = (layer, allowed) => ({
  name: `inference-${layer}`,
  severity: 'error',
  from: { path: `^src/inference/${layer}/` },
  to: { path: '^src/inference/', pathNot: `^src/inference/(${[layer, 'core', ...allowed].join('|')})/` },
});

const outer = (layer, forbidden) => ({
  name: `layer-${layer}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: `^src/(${forbidden.join('|')})(/|\\.ts$)` },
});

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^src/', pathNot: '^src/(main|generated/)' }, to: {} },
    // That package holds types only.
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '^@graphql-typed-document-node/core$' } },
    // React is a peer of the client's hook.
    { name: 'not-to-dev-dep', severity: 'error', from: { path: '^src/', pathNot: '^src/client/react\\.ts$' }, to: { dependencyTypes: ['npm-dev'] } },
    { name: 'src-not-to-test', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench|scripts|training)/' } },
    {
      name: 'inference-one-door',
      severity: 'error',
      comment: 'Only src/inference/index.ts, the types of core/generation.ts and the plain sums of core/clip-length.ts, core/windows.ts, core/sound-windows.ts and core/styles.ts, may be used from outside.',
      from: { path: '^src/', pathNot: '^src/inference/' },
      to: { path: '^src/inference/', pathNot: '^src/inference/(index|core/(generation|clip-length|windows|sound-windows|styles))\\.ts$' },
    },
    {
      name: 'inference-sees-nobody',
      severity: 'error',
      from: { path: '^src/inference/' },
      to: { path: '^src/', pathNot: '^src/(inference/|errors\\.ts$)' },
    },
    {
      name: 'inference-sees-no-graphql-no-prisma',
      severity: 'error',
      from: { path: '^src/inference/' },
      to: { path: 'node_modules/(graphql|@apollo|@prisma|prisma|pg|express)(/|-)' },
    },
    {
      name: 'onnxruntime-only-in-runtime',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/inference/runtime/' },
      to: { path: 'node_modules/onnxruntime-(node|common)' },
    },
    inner('core', []),
    inner('runtime', []),
    inner('tokenizers', []),
    inner('kv-cache', []),
    inner('sampling', []),
    inner('models', ['tokenizers', 'runtime', 'kv-cache']),
    inner('control', ['models']),
    inner('scheduler', ['kv-cache']),
    inner('engine', ['scheduler', 'kv-cache', 'sampling', 'models', 'tokenizers', 'runtime']),
    outer('db', ['server', 'resolvers', 'loaders', 'services', 'jobs', 'media', 'inference', 'cli', 'client', 'main']),
    outer('media', ['server', 'resolvers', 'loaders', 'services', 'jobs', 'db', 'inference', 'cli', 'client', 'main']),
    outer('jobs', ['server', 'resolvers', 'loaders', 'cli', 'client', 'main']),
    outer('services', ['server', 'resolvers', 'loaders', 'cli', 'client', 'main']),
    outer('loaders', ['server', 'resolvers', 'jobs', 'db', 'media', 'cli', 'client', 'main']),
    outer('resolvers', ['server', 'jobs', 'db', 'media', 'cli', 'client', 'main']),
    outer('observability', ['server', 'resolvers', 'loaders', 'services', 'jobs', 'cli', 'client', 'main']),
    outer('client', ['server', 'resolvers', 'loaders', 'services', 'jobs', 'db', 'media', 'inference', 'cli', 'main']),
    {
      name: 'studio-on-client-only',
      severity: 'error',
      comment: 'The page uses what any other page could use.',
      from: { path: '^studio/src/' },
      to: { path: '^(src|test|bench|scripts|training)/', pathNot: '^src/client/(index|react)\\.ts$' },
    },
    { name: 'prisma-only-in-data-layers', severity: 'error', from: { path: '^src/', pathNot: '^src/(db|services|jobs|generated)/' }, to: { path: 'node_modules/@prisma|^src/generated/prisma' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/generated/prisma/(internal|models)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    parser: 'swc',
    enhancedResolveOptions: { exportsFields: ['exports'], extensions: ['.ts', '.mjs', '.js', '.json'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
