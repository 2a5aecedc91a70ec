import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CinegraphError } from '../errors.ts';

/** Resolves with the port. Throws PORT_IN_USE or CONFIG_INVALID. */
export async function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, host, port);
  }
  return (server.address() as AddressInfo).port;
}

function listenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new CinegraphError('PORT_IN_USE', `Port ${port} on ${host} is already in use. Stop the other program or choose another PORT.`, { cause: error });
  }
  if (code === 'EACCES') return new CinegraphError('CONFIG_INVALID', `PORT ${port} needs more rights than this program has. Choose one above 1023.`, { cause: error });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return new CinegraphError('CONFIG_INVALID', `HOST ${host} is not an address of this machine.`, { cause: error });
  return error;
}

export function addressOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
