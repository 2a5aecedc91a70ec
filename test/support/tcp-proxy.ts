import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A network that can fail: forwards TCP to a port of this machine, and cuts or freezes what runs through it. */
export interface TcpProxy {
  readonly port: number;
  /** Connections cut so far, by `cut` or at their limit. */
  readonly cuts: number;
  /** Upgrades refused so far. */
  readonly refused: number;
  /** Cuts every connection, without a word of farewell. */
  cut(): void;
  /** The connections that are open now carry nothing more in either direction, and stay open: the peer has vanished. New ones work. */
  freeze(): void;
  /** The network is gone: what is open freezes, new connections are refused. Undone by {@link restore}, which cuts the frozen ones. */
  takeDown(): void;
  restore(): void;
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** A port of this machine, or the path of a unix socket. */
  readonly target: number | string;
  /** The n-th connection is cut after so many bytes from the server; those after the last have no limit. */
  readonly limits?: readonly number[];
  /** The same for bytes from the client. */
  readonly upLimits?: readonly number[];
  /** Lets no WebSocket through, as some companies' networks do. */
  readonly refuseUpgrades?: boolean;
}

export async function startTcpProxy({ target, limits = [], upLimits = [], refuseUpgrades = false }: ProxyOptions): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let [accepted, cuts, refused, down] = [0, 0, 0, false];
  const drop = (pair: readonly [Socket, Socket]) => {
    if (!pairs.delete(pair)) return;
    for (const socket of pair) socket.destroy();
  };
  const server = createServer((near) => {
    if (down) return void near.destroy();
    const far = typeof target === 'string' ? connect(target) : connect(target, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    const forward = (from: Socket, to: Socket, limit = Number.POSITIVE_INFINITY) => {
      let left = limit;
      from.on('data', (chunk: Buffer) => {
        if (left <= 0) return;
        if (refuseUpgrades && /^upgrade: websocket/im.test(chunk.toString('latin1'))) {
          refused += 1;
          near.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
          return;
        }
        left -= chunk.byteLength;
        if (left > 0) return void to.write(chunk);
        cuts += 1;
        // The last bytes before the cut do arrive: in the middle of a message, as it happens.
        to.write(chunk.subarray(0, chunk.byteLength + left), () => drop(pair));
      });
    };
    for (const socket of pair) socket.on('error', () => drop(pair)).on('close', () => drop(pair));
    forward(near, far, upLimits[accepted]);
    forward(far, near, limits[accepted]);
    accepted += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const freeze = () => {
    for (const [near, far] of pairs) {
      near.pause().removeAllListeners('data');
      far.pause().removeAllListeners('data');
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    get refused() {
      return refused;
    },
    cut() {
      cuts += pairs.size;
      for (const pair of pairs) drop(pair);
    },
    freeze,
    takeDown() {
      down = true;
      freeze();
    },
    restore() {
      down = false;
      for (const pair of pairs) drop(pair);
    },
    async close() {
      for (const pair of pairs) drop(pair);
      server.close();
      await once(server, 'close');
    },
  };
}
