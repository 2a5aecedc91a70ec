import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { CinegraphError } from '../errors.ts';

/** How long whatever holds the port may take to say what it is. */
const PROBE_MS = 2_000;

/** Before anything else is begun: whether `listen` could. Throws what it throws. */
export async function requirePort(address: Parameters<typeof listen>[1]): Promise<void> {
  // Who connects meanwhile comes too early.
  const server = createServer((socket) => void socket.destroy());
  await listen(server, address);
  server.close();
  await once(server, 'close');
}

/** Resolves with the port. Throws PORT_IN_USE or CONFIG_INVALID. */
export async function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw await listenError(error, host, port);
  }
  return (server.address() as AddressInfo).port;
}

async function listenError(error: unknown, host: string, port: number): Promise<unknown> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    const url = addressOf(host, port);
    const told = (await isCinegraph(url)) ? `a Cinegraph runs there: ${url}. A second one needs a PORT and a DATA_DIR of its own.` : 'stop the other program, or choose another PORT.';
    return new CinegraphError('PORT_IN_USE', `Port ${port} on ${host} is already in use: ${told}`, { cause: error });
  }
  if (code === 'EACCES') return new CinegraphError('CONFIG_INVALID', `PORT ${port} needs more rights than this program has. Choose one above 1023.`, { cause: error });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return new CinegraphError('CONFIG_INVALID', `HOST ${host} is not an address of this machine.`, { cause: error });
  return error;
}

/** Whether what holds the port answers as a server of ours does. */
async function isCinegraph(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(PROBE_MS) });
    return ((await answer.json()) as { readonly status?: unknown } | null)?.status === 'live';
  } catch {
    return false;
  }
}

export function addressOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
