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
export async function orUserErrors<T extends object>(run: () => Promise<T>, branch?: string): Promise<Partial<T> & { readonly userErrors: UserError[] }> {
  try {
    return { ...(await run()), userErrors: [] };
  } catch (error) {
    if (!(error instanceof CinegraphError) || !isUserError(error)) throw error;
    const nothing: Partial<T> = {};
    return { ...nothing, userErrors: [{ code: error.code, message: error.message, field: fieldPath(error.field, branch), retryAfterMs: error.retryAfterMs ?? null }] };
  }
}

/** As {@link orUserErrors}, for the mutations that answer with a job. */
export async function jobOrUserErrors(run: () => Promise<JobRecord>, branch?: string): Promise<Outcome> {
  const { job = null, userErrors } = await orUserErrors(async () => ({ job: await run() }), branch);
  return { job, userErrors };
}

function isUserError(error: CinegraphError): boolean {
  return error.status < 500 || error.code === 'QUEUE_FULL' || error.code === 'MEDIA_BUSY';
}

function fieldPath(field: readonly string[] | undefined, branch: string | undefined): string[] | null {
  if (field === undefined) return null;
  if (branch === undefined || field[0] !== 'input' || field[1] === branch) return [...field];
  return ['input', branch, ...field.slice(1)];
}
