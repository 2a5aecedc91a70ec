/** The thread of a WorkerSession: one graph, one run at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { GraphSession } from './graph-session.ts';
import { buffersOf, fromPlain, toPlain } from './plain-tensors.ts';
import type { WorkerCommand, WorkerInput, WorkerReport } from './worker-session.ts';

const { path, options } = workerData as WorkerInput;

function send(report: WorkerReport): void {
  parentPort?.postMessage(report, report.type === 'ran' ? buffersOf(report.outputs) : []);
}

try {
  const session = await GraphSession.open(path, options);
  let last = Promise.resolve();
  parentPort?.on('message', (command: WorkerCommand) => {
    last = last.then(async () => await obey(session, command));
  });
  send({ type: 'opened' });
} catch (error) {
  send({ type: 'failed', id: undefined, message: (error as Error).message });
  parentPort?.close();
}

async function obey(session: GraphSession, command: WorkerCommand): Promise<void> {
  if (command.type === 'close') {
    await session.close();
    parentPort?.close();
    return;
  }
  try {
    send({ type: 'ran', id: command.id, outputs: toPlain(await session.run(fromPlain(command.feeds))) });
  } catch (error) {
    send({ type: 'failed', id: command.id, message: (error as Error).message });
  }
}
