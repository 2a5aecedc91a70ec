import type { ApiKeyScope, ViewerRole } from '../../generated/prisma/enums.ts';
import { CinegraphError } from '../../errors.ts';

export type { ApiKeyScope as Scope, ViewerRole as Role };

export const SCOPES = ['READ', 'WRITE', 'KEYS'] as const satisfies readonly ApiKeyScope[];

export type Credential = { readonly type: 'NONE' } | { readonly type: 'API_KEY'; readonly keyId: string } | { readonly type: 'JWT' };

/** Who asks, and what they may do: a Viewer with its rights. One per request or connection. */
export interface Caller {
  readonly ownerId: string;
  readonly role: ViewerRole;
  readonly scopes: ReadonlySet<ApiKeyScope>;
  readonly credential: Credential;
  /** When the credential ends; null for never. */
  readonly expiresAt: Date | null;
}

/** The one user of a server without `AUTH=required`. */
export const LOCAL_CALLER: Caller = { ownerId: 'local', role: 'ADMIN', scopes: new Set(SCOPES), credential: { type: 'NONE' }, expiresAt: null };

/** Throws FORBIDDEN. */
export function requireScope(caller: Caller, scope: ApiKeyScope): void {
  if (!caller.scopes.has(scope)) throw new CinegraphError('FORBIDDEN', `This needs the scope ${scope}; the credential has ${[...caller.scopes].join(', ') || 'none'}.`);
}
