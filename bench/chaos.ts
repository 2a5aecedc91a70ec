/** 200 jobs on two api and three worker processes that are beaten for ten minutes: `node bench/chaos.ts [seed] [jobs] [minutes] [beside]`. beside: bytes in an S3 bucket, news over NATS, and blows for both. */
import { cpus, loadavg } from 'node:os';
import { runChaos } from '../test/support/chaos/chaos.ts';

const MINUTE_MS = 60_000;
const beside = process.argv.includes('beside');
const [seed = 1, jobs = 200, minutes = 10] = process.argv.slice(2).filter((argument) => argument !== 'beside').map(Number);
const load = loadavg()[0] ?? 0;
const { faults, blows, ends, events, seconds } = await runChaos({
  seed, jobs, apis: 2, workers: 3, beside, beatMs: minutes * MINUTE_MS, spreadMs: (minutes - 0.5) * MINUTE_MS, pauseMs: [1_000, 8_000], deadlineMs: (minutes + 10) * MINUTE_MS, onProgress: (text) => process.stderr.write(`${text}\n`),
});
const list = (counts: ReadonlyMap<string, number>): string => [...counts].map(([name, count]) => `${count} x ${name}`).join(', ');
console.log(`\n## ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${load.toFixed(1)} at the start, Node ${process.versions.node}\n`);
console.log(`| seed ${seed}${beside ? ', S3 and NATS' : ''} | |\n|---|---|\n| jobs | ${list(ends)} |\n| blows in ${Math.round(seconds)} s | ${list(blows)} |\n| events followed | ${events} |\n| faults | ${faults.length === 0 ? 'none' : faults.length} |`);
for (const fault of faults) console.log(`- ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;
