import type { ErrorCode } from './errors.ts';

const WAYS_OUT: Partial<Record<ErrorCode, string>> = {
  BUNDLE_CORRUPT: 'Check out models/ again (`git checkout -- models`), or point MODEL_DIR at a complete bundle.',
  PROVIDER_UNAVAILABLE: 'Use EXECUTION_PROVIDER=auto or cpu, or see docs/OPERATIONS.md.',
};

/** What whoever runs the program can do about a model that cannot be used, where the message alone does not say it. */
export function wayOut(code: ErrorCode): string | undefined {
  return WAYS_OUT[code];
}
