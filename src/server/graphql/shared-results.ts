import { print, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { createHash } from 'node:crypto';
import type { Context } from '../../resolvers/context.ts';

/** How long the result of an event is kept for others who follow, ms. Those who keep up ask within a few of them; what is loaded and signed for it stays fresh. */
const KEPT_MS = 1_000;

type Pending<T> = T | Promise<T>;

/** What an operation has to say of an event, computed once for all followers that cannot tell their answers apart. Owner: a pipeline. */
export class SharedResults {
  readonly #results = new Map<object, Map<string, Pending<ExecutionResult>>>();

  /** `form`: see {@link formOf}. `execute` never rejects. */
  of(event: object, form: string, execute: () => Pending<ExecutionResult>): Pending<ExecutionResult> {
    let forms = this.#results.get(event);
    if (forms === undefined) {
      forms = new Map();
      this.#results.set(event, forms);
      setTimeout(() => this.#results.delete(event), KEPT_MS).unref();
    }
    const shared = forms.get(form);
    if (shared !== undefined) return shared;
    const result = execute();
    forms.set(form, result);
    return result;
  }
}

/**
 * A digest of everything but the event that a result depends on: the operation, its variables, and its caller with the rights of the
 * credential and the address that URLs begin with.
 */
export function formOf({ document, operationName, variableValues, contextValue }: ExecutionArgs): string {
  const { viewer: { ownerId, role, scopes, credential, expiresAt }, urls: { baseUrl } } = contextValue as Context;
  const form = [document.loc?.source.body ?? print(document), operationName, variableValues, ownerId, role, [...scopes], credential, expiresAt, baseUrl];
  return createHash('sha256').update(JSON.stringify(form)).digest('base64');
}
