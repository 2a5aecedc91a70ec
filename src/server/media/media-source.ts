import type { Services } from '../../services/contract.ts';
import type { SigningOptions } from './url-signer.ts';

/** What byte routes need, once the database is there. */
export interface MediaSource {
  readonly services: Pick<Services, 'assets' | 'jobs' | 'uploads'>;
  readonly signing: SigningOptions;
}
