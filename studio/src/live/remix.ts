import type { Task } from '../../../src/client/index.ts';

/** The address at which what made a job is filled in: the storyboard for a film, else Create. */
export function remixOf({ id, task }: { readonly id: string; readonly task: Task }): string {
  return `${task === 'FILM' ? '/film' : '/'}?remix=${encodeURIComponent(id)}`;
}
