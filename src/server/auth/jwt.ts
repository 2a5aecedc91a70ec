import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import type { Config } from '../../config.ts';
import { CinegraphError } from '../../errors.ts';
import { type Caller, type Scope, SCOPES } from '../../services/access/caller.ts';

export type JwtConfig = NonNullable<Config['auth']['jwt']>;

/** Signatures made with a public key only: with a shared secret, whoever can check a token can make one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const LONGEST_TOKEN = 8192;
const LONGEST_SUBJECT = 190;

/** Throws UNAUTHENTICATED for a token that is not good, IDENTITY_PROVIDER_UNAVAILABLE when the keys to check it cannot be fetched. */
export type JwtVerifier = (token: string) => Promise<Caller>;

export function createJwtVerifier({ jwksUrl, issuer, audience, clockToleranceSeconds, roleClaim }: JwtConfig): JwtVerifier {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 5000, cooldownDuration: 10_000, cacheMaxAge: 600_000 });
  return async token => {
    if (token.length > LONGEST_TOKEN) throw new CinegraphError('UNAUTHENTICATED', `A token may have ${LONGEST_TOKEN} characters.`);
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience, clockTolerance: clockToleranceSeconds, algorithms: ALGORITHMS, requiredClaims: ['sub', 'exp'] });
      return toCaller(payload, roleClaim, clockToleranceSeconds);
    } catch (error) {
      throw describe(error);
    }
  };
}

/** Owners of tokens have a prefix: nobody becomes the owner of somebody's API key by the choice of a name at the identity provider. */
function toCaller({ sub = '', exp = 0, scope, ...claims }: JWTPayload, roleClaim: string, toleranceSeconds: number): Caller {
  if (sub === '' || sub.length > LONGEST_SUBJECT) throw new CinegraphError('UNAUTHENTICATED', `The claim sub of the token must have 1 to ${LONGEST_SUBJECT} characters.`);
  const roles = [claims[roleClaim]].flat();
  return {
    ownerId: `jwt:${sub}`,
    role: roles.includes('admin') ? 'ADMIN' : 'USER',
    scopes: new Set(scopesOf(scope)),
    credential: { type: 'JWT' },
    expiresAt: new Date((exp + toleranceSeconds) * 1000),
  };
}

/** `cinegraph:read cinegraph:write` narrows; a token that names no scope of ours has all of them. */
function scopesOf(claim: unknown): readonly Scope[] {
  const words = typeof claim === 'string' ? claim.split(' ') : [];
  const named = SCOPES.filter(scope => words.includes(`cinegraph:${scope.toLowerCase()}`));
  return words.some(word => word.startsWith('cinegraph:')) ? named : SCOPES;
}

function describe(error: unknown): unknown {
  if (error instanceof CinegraphError) return error;
  if (error instanceof errors.JWTExpired) return new CinegraphError('UNAUTHENTICATED', 'The token has expired.');
  if (error instanceof errors.JWTClaimValidationFailed) return new CinegraphError('UNAUTHENTICATED', `The claim ${error.claim} of the token is not accepted.`);
  if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError) || error.code === 'ERR_JOSE_GENERIC') {
    return new CinegraphError('IDENTITY_PROVIDER_UNAVAILABLE', undefined, { cause: error });
  }
  return new CinegraphError('UNAUTHENTICATED', 'The token is not one that this server accepts.');
}
