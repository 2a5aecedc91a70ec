import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/db/migrate.ts';

/**
 * While servers are replaced one by one, those of the version before still run on the new schema. So a migration only adds; what is taken away is
 * first left unused for one version, and its migration then says so in a line `-- contracts: ...`.
 */
const BREAKS: readonly (readonly [RegExp, string])[] = [
  [/\bDROP\s+(TABLE|COLUMN|TYPE|VIEW)\b/i, 'takes away what an older server reads'],
  [/\bRENAME\s+(TO|COLUMN|VALUE)\b/i, 'takes away a name'],
  [/\bALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE\b/i, 'gives a column another type'],
  [/\bALTER\s+COLUMN\s+\S+\s+SET\s+NOT\s+NULL\b/i, 'asks for what an older server leaves out'],
  [/\bADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?\S+\s+(?=[^,;]*\bNOT\s+NULL\b)(?![^,;]*\b(?:DEFAULT|GENERATED)\b)[^,;]*/i, 'asks for what an older server does not write'],
];

/** Before the first release there was no older server. */
const FIRST_RELEASE = '20261127';

function faultsOf(sql: string): string[] {
  if (/^-- contracts: \S/m.test(sql)) return [];
  const statements = sql.replace(/--.*$/gm, '');
  return BREAKS.filter(([pattern]) => pattern.test(statements)).map(([, why]) => why);
}

describe('a migration', () => {
  const names = readdirSync(MIGRATIONS).filter(name => name >= FIRST_RELEASE);

  it.each(names)('%s leaves the servers of the version before running', name => {
    expect(faultsOf(readFileSync(join(MIGRATIONS, name, 'migration.sql'), 'utf8'))).toEqual([]);
  });

  it.each([
    'DROP TABLE "job";',
    'ALTER TABLE "job" DROP COLUMN "title";',
    'ALTER TABLE "job" RENAME COLUMN "title" TO "name";',
    'ALTER TABLE "job" ALTER COLUMN "seed" SET DATA TYPE BIGINT;',
    'ALTER TABLE "job" ALTER COLUMN "title" SET NOT NULL;',
    'ALTER TABLE "job" ADD COLUMN "a" INTEGER DEFAULT 1, ADD COLUMN "b" TEXT NOT NULL;',
  ])('that says %s is noticed, unless it says that it contracts', sql => {
    expect(faultsOf(sql)).toHaveLength(1);
    expect(faultsOf(`-- contracts: unused since 0.2\n${sql}`)).toEqual([]);
  });

  it.each(['ALTER TABLE "job" ADD COLUMN "a" TEXT;', `ALTER TABLE "job" ADD COLUMN "a" JSONB NOT NULL DEFAULT '[]';`, 'CREATE TABLE "t" ("a" TEXT NOT NULL);'])('that says %s is none', sql => {
    expect(faultsOf(sql)).toEqual([]);
  });
});
