import { CinegraphError } from '../../errors.ts';
import { type Caller, type Role, type Scope, SCOPES } from './caller.ts';

const LONGEST_NAME = 100;
const LONGEST_OWNER = 200;

export interface NewApiKey {
  readonly name: string;
  /** The caller's own when left out. */
  readonly ownerId?: string | null;
  readonly role?: Role | null;
  /** READ and WRITE when left out. */
  readonly scopes?: readonly Scope[] | null;
  readonly expiresAt?: Date | null;
}

export interface CheckedKey {
  readonly name: string;
  readonly ownerId: string;
  readonly role: Role;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
}

/** Nobody can hand out more than they have. Throws INVALID_INPUT or FORBIDDEN with `field` set. */
export function checkNewKey(caller: Caller, input: NewApiKey, now: Date): CheckedKey {
  const { ownerId = null, role = null, scopes = null, expiresAt = null } = input;
  const wanted = new Set(scopes ?? SCOPES.filter(scope => scope !== 'KEYS' && caller.scopes.has(scope)));
  const key: CheckedKey = {
    name: checkText(input.name.trim(), 'name', LONGEST_NAME),
    ownerId: ownerId === null ? caller.ownerId : checkText(ownerId, 'ownerId', LONGEST_OWNER),
    role: role ?? 'USER',
    scopes: SCOPES.filter(scope => wanted.has(scope)),
    expiresAt,
  };
  if (key.scopes.length === 0) refuse('INVALID_INPUT', 'scopes', `A key needs at least one of the scopes ${SCOPES.join(', ')}.`);
  if (expiresAt !== null && expiresAt <= now) refuse('INVALID_INPUT', 'expiresAt', 'expiresAt must lie in the future.');
  const missing = key.scopes.filter(scope => !caller.scopes.has(scope));
  if (missing.length > 0) refuse('FORBIDDEN', 'scopes', `A key cannot have scopes that its maker lacks: ${missing.join(', ')}.`);
  if (caller.role !== 'ADMIN' && key.role === 'ADMIN') refuse('FORBIDDEN', 'role', 'Only an admin can make keys with the role ADMIN.');
  if (caller.role !== 'ADMIN' && key.ownerId !== caller.ownerId) refuse('FORBIDDEN', 'ownerId', 'Only an admin can make keys for other owners.');
  return key;
}

function checkText(text: string, field: string, longest: number): string {
  if (text === '' || text.length > longest || /[\p{Cc}\p{Cs}]/u.test(text)) refuse('INVALID_INPUT', field, `${field} must have 1 to ${longest} characters, none of them a control character.`);
  return text;
}

function refuse(code: 'INVALID_INPUT' | 'FORBIDDEN', field: string, message: string): never {
  throw new CinegraphError(code, message, { field: ['input', field] });
}
