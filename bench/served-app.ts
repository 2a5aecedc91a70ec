/** The whole program in a process of its own for bench/end-to-end.ts; answers with the delay of its event loop. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pino } from 'pino';
import { startApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';

const config = loadConfig();
const app = await startApp({ config, log: pino({ level: 'silent' }), onStep: () => undefined });
await app.ready;
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

process.on('message', (message) => {
  if (message === 'reset') {
    delay.reset();
    process.send?.({ type: 'reset' });
  } else if (message === 'read') {
    // The histogram counts the timer's own period too.
    process.send?.({ type: 'delay', p99Ms: Math.max(0, delay.percentile(99) / 1e6 - 1), maxMs: Math.max(0, delay.max / 1e6 - 1) });
  } else if (message === 'memory') {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    process.send?.({ type: 'memory', bytes: heapUsed + external });
  } else if (message === 'close') {
    void app.close().then(() => process.exit(0));
  }
});
// The bench was interrupted.
process.once('disconnect', () => void app.close().then(() => process.exit(0)));
process.send?.({ type: 'ready', url: app.url });
