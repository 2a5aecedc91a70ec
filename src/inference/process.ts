/** The inference process, forked by ipc/child-link.ts: its event loop may block for a run without anyone noticing. */
import { flushCompileCache } from 'node:module';
import { CinegraphError } from '../errors.ts';
import { openInferenceHost, type InferenceHost } from './ipc/inference-host.ts';
import { toFailure } from './ipc/failure.ts';
import { commandSchema, type Report } from './ipc/messages.ts';
import { stepBehind } from './runtime/priority.ts';

const HEARTBEAT_MS = 1_000;

let host: InferenceHost | undefined;

/** Resolves when the message is on its way; a slow reader on the other side slows the sender down. */
async function send(report: Report): Promise<void> {
  if (!process.connected) return;
  await new Promise<void>((resolve) => process.send?.(report, () => resolve()));
}

async function start(options: Parameters<typeof openInferenceHost>[0]): Promise<void> {
  try {
    host = await openInferenceHost(options, send);
    await stepBehind();
    await send({ type: 'ready', info: host.info });
    // It is killed in the end, and keeps nothing then.
    flushCompileCache();
  } catch (error) {
    if (!(error instanceof CinegraphError)) throw error;
    await send({ type: 'failed', failure: toFailure(error) });
    process.exit(1);
  }
}

process.on('message', (message) => {
  const command = commandSchema.parse(message);
  switch (command.type) {
    case 'start':
      setInterval(() => void send({ type: 'heartbeat', usage: host?.usage() }), HEARTBEAT_MS).unref();
      void start(command.options);
      return;
    case 'generate':
      void host?.generate(command.ticket, command.request);
      return;
    case 'encode':
      void host?.encode(command.ticket, command.frames);
      return;
    case 'encode-control':
      void host?.encodeControl(command.ticket, command.frames);
      return;
    case 'encode-sound':
      void host?.encodeSound(command.ticket, command.samples);
      return;
    case 'decode-sound':
      void host?.decodeSound(command.ticket, command.codes);
      return;
    case 'cancel':
      host?.cancel(command.ticket);
      return;
  }
});
// The server is gone: nobody is left to work for. `exit` would abort, with a core dump, where a thread is in the middle of a run.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C in a terminal reaches the whole process group; the parent decides when this process ends.
process.on('SIGINT', () => {});
