/** Stands in for a trial run in which the driver does what the name of the bundle's folder says. Arguments as of src/inference/probe.ts. */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { endWithParent } from '../../src/inference/runtime/end-with-parent.ts';

await endWithParent();
const [bundleDir = ''] = process.argv.slice(2);
switch (basename(bundleDir)) {
  case 'hangs':
    writeFileSync(`${bundleDir}.pid`, String(process.pid));
    // As in a native call: this thread comes back to nothing.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    break;
  case 'aborts':
    process.abort();
    break;
  case 'throws':
    throw new Error('no such device');
  case 'babbles':
    process.send?.({ usable: 'perhaps' });
    break;
  case 'says nothing':
    process.exit(0);
    break;
  case 'works':
    process.send?.({ usable: true, stepMs: 1, cpuStepMs: 2, refusals: [] }, () => process.exit(0));
}
