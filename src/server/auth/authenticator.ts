import type { IncomingMessage } from 'node:http';
import type { Config } from '../../config.ts';
import { CinegraphError } from '../../errors.ts';
import { type Caller, LOCAL_CALLER } from '../../services/access/caller.ts';
import type { ApiKeyService } from '../../services/contract.ts';
import { createJwtVerifier } from './jwt.ts';

/** From a credential to who asks, the same for HTTP, graphql-ws and SSE. Throws UNAUTHENTICATED. */
export interface Authenticator {
  /** authorization: a header, or what takes its place in `connectionParams`. */
  resolve(authorization: unknown): Promise<Caller>;
}

const BEARER = /^Bearer +([\w~+/.=-]+)$/i;

export function createAuthenticator({ required, jwt }: Config['auth'], keys: () => ApiKeyService): Authenticator {
  const verifyJwt = jwt === undefined ? undefined : createJwtVerifier(jwt);
  return {
    async resolve(authorization) {
      const token = typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined;
      if (token === undefined) {
        if (!required) return LOCAL_CALLER;
        throw new CinegraphError('UNAUTHENTICATED');
      }
      if (verifyJwt !== undefined && token.split('.').length === 3) return verifyJwt(token);
      const caller = await keys().authenticate(token);
      if (caller === null) throw new CinegraphError('UNAUTHENTICATED', 'No API key that works has this secret: it may have been revoked, have expired, or be mistyped.');
      return caller;
    },
  };
}

/** What graphql-ws clients send as `connectionParams`, else the header of the upgrade. */
export function authorizationOf(params: Readonly<Record<string, unknown>> | undefined, request: IncomingMessage): unknown {
  return params?.['authorization'] ?? params?.['Authorization'] ?? request.headers.authorization;
}
