import { CinegraphError } from '../errors.ts';
import type { UserError } from '../generated/graphql.ts';
import type { JobRecord } from '../services/contract.ts';

export interface Outcome {
  readonly job: JobRecord | null;
  readonly userErrors: UserError[];
}

/**
 * Runs a mutation. A fault of the input becomes a user error; whatever else is thrown stays a GraphQL error.
 * `branch` is the field of a @oneOf input that was taken: services know fields as `input.prompt`, callers sent `input.branch.prompt`.
 */
export async function jobOrUserErrors(run: () => Promise<JobRecord>, branch?: string): Promise<Outcome> {
  try {
    return { job: await run(), userErrors: [] };
  } catch (error) {
    if (!(error instanceof CinegraphError) || !isUserError(error)) throw error;
    return { job: null, userErrors: [{ code: error.code, message: error.message, field: fieldPath(error.field, branch) }] };
  }
}

function isUserError(error: CinegraphError): boolean {
  return error.status < 500 || error.code === 'QUEUE_FULL';
}

function fieldPath(field: readonly string[] | undefined, branch: string | undefined): string[] | null {
  if (field === undefined) return null;
  if (branch === undefined || field[0] !== 'input' || field[1] === branch) return [...field];
  return ['input', branch, ...field.slice(1)];
}
