import { pino } from 'pino';
import { FAULTS, type IntegrityReport } from '../db/integrity.ts';
import type { Log } from '../db/log.ts';
import { CinegraphError } from '../errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

export { EXIT } from './exit-codes.ts';

type Say = (line: string) => void;

/** Runs a small command to its end: what it says goes to standard output, what stops it in one line to standard error. */
export async function runCommand(work: (given: { readonly args: readonly string[]; readonly say: Say }) => Promise<ExitCode | void>): Promise<never> {
  try {
    const code = await work({ args: process.argv.slice(2), say: line => process.stdout.write(`${line}\n`) });
    process.exit(code ?? EXIT.OK);
  } catch (error) {
    process.stderr.write(`${error instanceof CinegraphError ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(EXIT.FAILED);
  }
}

export function usage(text: string): ExitCode {
  process.stderr.write(`usage: ${text}\n`);
  return EXIT.USAGE;
}

export function commandLog(): Log {
  return pino({ level: 'error', base: null }, pino.destination({ dest: 2, sync: true }));
}

/** True when nothing is wrong. */
export function sayReport({ blobs, byteSize, faults, examples }: IntegrityReport, say: Say): boolean {
  say(`${blobs} contents, ${(byteSize / 2 ** 20).toFixed(1)} MiB, read and compared.`);
  const wrong = Object.entries(faults).filter(([, count]) => count > 0);
  for (const [fault, count] of wrong) say(`${fault}: ${count} ${FAULTS[fault as keyof typeof FAULTS]}`);
  for (const example of examples) say(`  ${example}`);
  say(wrong.length === 0 ? 'Nothing is missing and nothing is left over.' : 'Something is wrong.');
  return wrong.length === 0;
}
