import { commandLine, descendants, type Program } from './server.ts';

/** Stops the model in the middle of whatever it does, until it is released: what a test sees meanwhile does not hang on how fast the machine is. */
export async function holdInference(program: Pick<Program, 'pid'>): Promise<{ release(): void }> {
  const lines = await Promise.all((await descendants(program.pid)).map(async (pid) => ({ pid, line: await commandLine(pid) })));
  const inference = lines.find(({ line }) => line.includes('inference/process'));
  if (inference === undefined) throw new Error(`no inference process among ${JSON.stringify(lines)}`);
  process.kill(inference.pid, 'SIGSTOP');
  return {
    release() {
      try {
        process.kill(inference.pid, 'SIGCONT');
      } catch {
        // Gone with its parent.
      }
    },
  };
}
