import packageJson from '../package.json' with { type: 'json' };

/** Semantic version of this Cinegraph. */
export const VERSION: string = packageJson.version;
