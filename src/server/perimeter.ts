import type { IncomingMessage } from 'node:http';
import type { Config } from '../config.ts';
import { isLoopback } from '../loopback.ts';

/**
 * Who may call from a browser. There is no login on loopback, so a page of another site must not get through: neither by a request of
 * its own (Origin) nor by a name of its own that resolves to this machine (Host: DNS rebinding).
 */
export interface Perimeter {
  /** Null when the request may pass, else why not. */
  refusal(request: IncomingMessage): string | null;
  allowsOrigin(origin: string, host: string | undefined): boolean;
  /** How the caller reaches this server, without a slash at the end. */
  baseUrl(request: IncomingMessage): string;
}

type PerimeterConfig = Pick<Config, 'host' | 'publicUrl' | 'allowedOrigins'>;

export function createPerimeter({ host: bound, publicUrl, allowedOrigins }: PerimeterConfig): Perimeter {
  const publicOrigin = publicUrl === undefined ? null : new URL(publicUrl).origin;
  const publicHost = publicUrl === undefined ? null : new URL(publicUrl).host;
  const local = isLoopback(bound);

  function allowsHost(host: string | undefined): boolean {
    if (!local || host === undefined) return true;
    return host === publicHost || (URL.canParse(`http://${host}`) && isLoopback(new URL(`http://${host}`).hostname));
  }

  function allowsOrigin(origin: string, host: string | undefined): boolean {
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    if (url.host === host || url.origin === publicOrigin || allowedOrigins.includes(url.origin)) return true;
    return local && isLoopback(url.hostname);
  }

  return {
    allowsOrigin,
    refusal(request) {
      const { host, origin } = request.headers;
      if (!allowsHost(host)) return `The Host header ${JSON.stringify(host)} does not name this machine. Set PUBLIC_URL if a proxy stands in front.`;
      if (origin !== undefined && !allowsOrigin(origin, host)) return `The origin ${JSON.stringify(origin)} may not call this server. See ALLOWED_ORIGINS.`;
      if (origin === undefined && request.headers['sec-fetch-site'] === 'cross-site' && request.headers['sec-fetch-mode'] !== 'navigate') {
        return 'Pages of other sites may not call this server.';
      }
      return null;
    },
    baseUrl(request) {
      return publicUrl ?? `http://${request.headers.host ?? `${bound}:${request.socket.localPort}`}`;
    },
  };
}
