import { defineConfig, type Plugin } from 'vite';

const TAGGED = /graphql`\s*(?:query|mutation|subscription|fragment) (\w+)[^`]*`/g;

/** Each tagged document becomes the artifact that relay-compiler made of it. */
const relay: Plugin = {
  name: 'relay',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('.tsx')) return undefined;
    const names = [...code.matchAll(TAGGED)].map(([, name]) => name);
    if (names.length === 0) return undefined;
    return [...names.map((name) => `import ${name}Artifact from './__generated__/${name}.graphql.ts';`), code.replaceAll(TAGGED, '$1Artifact')].join('\n');
  },
};

export default defineConfig({ plugins: [relay], oxc: { jsx: { runtime: 'automatic' } } });
