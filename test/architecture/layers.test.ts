import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

interface CruiseReport {
  readonly summary: { readonly totalCruised: number; readonly violations: readonly { readonly rule: { readonly name: string }; readonly from: string }[] };
}

async function cruise(): Promise<CruiseReport['summary']> {
  const cli = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const folder = await mkdtemp(path.join(tmpdir(), 'cinegraph-layers-'));
  try {
    const file = path.join(folder, 'report.json');
    const args = [cli, 'src', 'studio/src', '--config', '.dependency-cruiser.mjs', '--output-type', 'json', '--output-to', file];
    // The exit code counts violations; the report is written all the same.
    await run(process.execPath, args, { cwd: root }).catch(() => undefined);
    return (JSON.parse(await readFile(file, 'utf8')) as CruiseReport).summary;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('the layers', () => {
  const planted: string[] = [];
  afterEach(async () => {
    for (const folder of planted.splice(0)) await rm(folder, { recursive: true, force: true });
  });

  it('hold, and the check really read the sources', async () => {
    const summary = await cruise();
    expect(summary.violations.map((violation) => `${violation.rule.name}: ${violation.from}`)).toEqual([]);
    expect(summary.totalCruised).toBeGreaterThan(60);
  });

  it('notices a planted violation', async () => {
    const folder = await mkdtemp(path.join(root, 'src/inference/core/planted-'));
    planted.push(folder);
    await writeFile(path.join(folder, 'reaches-out.ts'), "import { GraphQLError } from 'graphql';\nexport const planted = GraphQLError;\n");
    const summary = await cruise();
    expect(summary.violations.map((violation) => violation.rule.name)).toContain('inference-sees-no-graphql-no-prisma');
  });

  it('notices a page that reaches past the client', async () => {
    const folder = await mkdtemp(path.join(root, 'studio/src/ui/planted-'));
    planted.push(folder);
    await writeFile(path.join(folder, 'reaches-out.tsx'), "import { ERRORS } from '../../../../src/errors.ts';\nexport const planted = ERRORS;\n");
    const summary = await cruise();
    expect(summary.violations.map((violation) => violation.rule.name)).toContain('studio-on-client-only');
  });
});
