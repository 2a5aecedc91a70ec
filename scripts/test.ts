/**
 * `npm test`: types, lint, dead code, then every test (layers are one of them). Each check counts as one test;
 * the last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const VITEST_REPORT = path.join(root, 'test-results/vitest.json');

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

function run(name: string, script: string, args: readonly string[]): Promise<boolean> {
  console.log(`\n== ${name}`);
  const child = spawn(process.execPath, [path.join(root, 'node_modules', script), ...args], { cwd: root, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code === 0));
  });
}

async function check(tally: Tally, name: string, script: string, args: readonly string[]): Promise<void> {
  const passed = await run(name, script, args);
  console.log(`${passed ? 'ok' : 'FAILED'}: ${name}`);
  if (passed) tally.passed += 1;
  else tally.failed += 1;
}

/** Adds the counts of the test run; a run that left no report, or that failed beside its tests, is a failure of its own. */
async function tests(tally: Tally, filters: readonly string[]): Promise<void> {
  await rm(VITEST_REPORT, { force: true });
  const exitedClean = await run('tests', 'vitest/vitest.mjs', ['run', ...filters]);
  const report = await readFile(VITEST_REPORT, 'utf8').then(
    (text) => JSON.parse(text) as { numPassedTests: number; numFailedTests: number; numPendingTests: number },
    () => null,
  );
  if (report === null) {
    tally.failed += 1;
    return;
  }
  tally.passed += report.numPassedTests;
  tally.failed += report.numFailedTests;
  tally.skipped += report.numPendingTests;
  if (!exitedClean && report.numFailedTests === 0) tally.failed += 1;
}

const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
const filters = process.argv.slice(2);
if (filters.length === 0) {
  await check(tally, 'types', 'typescript/bin/tsc', ['-p', 'tsconfig.json']);
  await check(tally, 'types of the Studio', 'typescript/bin/tsc', ['-p', 'studio/tsconfig.json']);
  await check(tally, 'lint', 'oxlint/bin/oxlint', ['--type-aware', 'src', 'scripts', 'test', 'bench', 'studio']);
  await check(tally, 'dead code', 'knip/bin/knip.js', []);
}
await tests(tally, filters);
const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
console.log(`\n${tally.passed} passed, ${tally.failed} failed${skipped}`);
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
