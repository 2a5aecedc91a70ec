/** `npm run doctor`: looks at everything a start needs, says what is missing and how to put it right. Exits with 1 if something is broken. */
import { loadConfig, type Config } from '../config.ts';
import { CinegraphError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { broken, type Check, type CheckResult } from './checks/check.ts';
import { dataFolder, diskSpace, memory, nativeParts, nodeVersion, port } from './checks/machine.ts';
import { bucket, bus, database, findings, model } from './checks/parts.ts';
import { EXIT } from './exit-codes.ts';

const CHECKS: readonly Check[] = [nodeVersion, nativeParts, memory, dataFolder, diskSpace, port, database, bucket, bus, model, findings];
const MARKS: Readonly<Record<CheckResult['state'], string>> = { ok: 'ok    ', note: 'note  ', broken: 'BROKEN' };
const INDENT = ' '.repeat(24);

async function doctor(config: Config): Promise<number> {
  let failures = 0;
  for (const check of CHECKS) {
    const result = await check.run(config).catch((error: unknown) => broken(error instanceof Error ? error.message : String(error), 'Please report this.'));
    if (result.state === 'broken') failures += 1;
    say(`${MARKS[result.state]}  ${check.name.padEnd(14)}  ${indented(result.detail)}`);
    if (result.fix !== undefined) say(INDENT + indented(result.fix));
  }
  return failures;
}

function indented(text: string): string {
  return text.replaceAll('\n', `\n${INDENT}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

say(`Cinegraph ${VERSION}`);
try {
  const failures = await doctor(loadConfig());
  say(failures === 0 ? 'Everything that is needed is there. `npm start` runs it.' : `${failures} ${failures === 1 ? 'thing is' : 'things are'} broken.`);
  process.exit(failures === 0 ? EXIT.OK : EXIT.FAILED);
} catch (error) {
  say(error instanceof CinegraphError ? `BROKEN  Configuration   ${error.message}` : String(error));
  process.exit(EXIT.FAILED);
}
