/** Writes docs/ERRORS.md, docs/CONFIG.md and schema/error.graphql from their tables in the sources. `npm run docs`; a test holds them together. */
import { writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VARIABLES } from '../src/config.ts';
import { ERRORS } from '../src/errors.ts';

const ROOT = resolve(import.meta.dirname, '..');

export function errorsMarkdown(): string {
  const rows = Object.entries(ERRORS).map(([code, { status, retryable, message }]) => `| \`${code}\` | ${message} | ${status} | ${retryable ? 'yes' : 'no'} |`);
  return `# Errors

Written by \`npm run docs\` from src/errors.ts.

- Mutations answer faults of the input in \`userErrors { code field message }\`; \`field\` is the path of the input field.
- Everything else is a GraphQL error with \`extensions { code retryable }\`. Faults of ours are masked as \`INTERNAL\` with an \`id\` that finds the line in the log.
- A job that fails says why in \`Job.error { code message retryable }\`.
- Byte routes answer \`{ "error": { "code", "message" } }\` with the HTTP status of the table.
- Documents that do not parse, do not validate or ask for too much carry the codes of Apollo Server: \`GRAPHQL_PARSE_FAILED\`, \`GRAPHQL_VALIDATION_FAILED\`,
  \`BAD_USER_INPUT\`, \`BAD_REQUEST\`. A caller that the server does not talk to (foreign web page) gets \`FORBIDDEN\`.

| Code | Message (it may say more) | HTTP | Worth a retry |
|---|---|---|---|
${rows.join('\n')}
`;
}

export function configMarkdown(): string {
  const rows = Object.entries(VARIABLES).map(([name, { default: value, allowed, meaning }]) => `| \`${name}\` | ${value === null ? 'none' : `\`${portable(value)}\``} | ${allowed} | ${meaning} |`);
  return `# Configuration

Written by \`npm run docs\` from src/config.ts. Everything has a default; set environment variables to change it. A value that is not allowed stops the
start with \`CONFIG_INVALID\`, which names the variable.

| Variable | Default | Allowed | Meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}

export function errorSdl(): string {
  const values = Object.entries(ERRORS).map(([code, { message }]) => `  ${JSON.stringify(message)}\n  ${code}\n`);
  return `"Every error code of this server: in \`UserError\`, in \`JobError\`, and in \`extensions.code\` of GraphQL errors. docs/ERRORS.md has the table."
enum ErrorCode {
${values.join('')}}
`;
}

/** Paths below this folder are shown relative to it. */
function portable(value: string): string {
  return value.startsWith(ROOT) ? relative(ROOT, value) : value;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(resolve(ROOT, 'docs/ERRORS.md'), errorsMarkdown());
  await writeFile(resolve(ROOT, 'docs/CONFIG.md'), configMarkdown());
  await writeFile(resolve(ROOT, 'schema/error.graphql'), errorSdl());
}
