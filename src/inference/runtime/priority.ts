/** The process's turn among others on a busy machine. */
import { readdir } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';

/** Nice value. */
const BEHIND = 5;

/**
 * From now on others go first: runs take whole cores for as long as clips are made, and a server, a database and an encoder need a moment of one in between. Not before the process is
 * ready, because a start has a time limit. On Linux each thread has a priority of its own; those that come later have it from the one that starts them.
 */
export async function stepBehind(): Promise<void> {
  const threads = process.platform === 'linux' ? (await readdir('/proc/self/task')).map(Number) : [process.pid];
  for (const thread of threads) {
    try {
      // A thread may not go before what it was started with.
      if (getPriority(thread) < BEHIND) setPriority(thread, BEHIND);
    } catch {
      // It has ended meanwhile, or the system does not allow it.
    }
  }
}
