/** What the commands return to the shell. */
export const EXIT = {
  OK: 0,
  /** The job failed, or a check of `doctor` did. */
  FAILED: 1,
  /** Something that was typed is wrong. */
  USAGE: 2,
  /** No server answers, or none could be started. */
  UNAVAILABLE: 3,
  /** Canceled with Ctrl-C. */
  CANCELED: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
