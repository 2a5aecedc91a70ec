/** A driver that hangs blocks the thread that would notice that the parent is gone. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const LOOK_MS = 1_000;

/** From when it resolves on this process ends within about a second of its parent, whatever its main thread does. Its thread does not keep it alive. */
export async function endWithParent(): Promise<void> {
  const watch = new Worker(`setInterval(() => process.ppid === ${process.ppid} || process.kill(process.pid, 'SIGKILL'), ${LOOK_MS})`, { eval: true });
  await once(watch, 'online');
  watch.unref();
}
