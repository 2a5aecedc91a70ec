import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { Asset } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';
import { ChooseCandidate } from './choose-candidate.tsx';
import { Continue } from './continue.tsx';
import { Downloads } from './downloads.tsx';
import { remixOf } from './remix.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { TERMINAL, type LiveJob } from './live-job.ts';

interface JobActionsProps {
  readonly job: LiveJob;
  /** The output of the chosen candidate, when it is stored. */
  readonly asset: Asset | null;
}

/** What can be done with a job now. */
export function JobActions({ job, asset }: JobActionsProps) {
  const { jobs } = useStudio();
  const [, navigate] = useLocation();
  const [fault, setFault] = useState<unknown>(null);
  const [canceling, setCanceling] = useState(false);
  const ended = TERMINAL.has(job.status);
  const attempt = async (action: () => Promise<void>) => {
    setFault(null);
    try {
      await action();
    } catch (error) {
      setFault(error);
    }
  };
  const cancel = () =>
    attempt(async () => {
      setCanceling(true);
      await jobs.cancel(job.id).finally(() => setCanceling(false));
    });
  const retry = () => void attempt(async () => navigate(`/?job=${encodeURIComponent((await jobs.retry(job.id)).id)}`));
  return (
    <>
      <div className="actions">
        {ended ? null : (
          <button type="button" className="quiet" onClick={() => void cancel()} disabled={canceling}>
            {canceling ? 'Canceling…' : 'Cancel'}
          </button>
        )}
        {asset === null ? null : <Downloads asset={asset} />}
        {ended && asset !== null ? <Continue asset={asset} /> : null}
        {ended && asset !== null && job.candidates.length > 1 ? <ChooseCandidate asset={asset} onFault={setFault} /> : null}
        {ended ? (
          <Link className="button quiet" href={remixOf(job)}>
            Remix
          </Link>
        ) : null}
        {job.status === 'CANCELED' ? (
          <button type="button" className="quiet" onClick={retry}>
            Try again
          </button>
        ) : null}
      </div>
      {job.error === null ? null : <ErrorNote error={job.error} action={{ label: 'Try again', run: retry }} />}
      {job.unheard === null ? null : <ErrorNote error={job.unheard} action={{ label: 'Follow again', run: () => jobs.resume(job.id) }} />}
      {fault === null ? null : <ErrorNote error={fault} onDismiss={() => setFault(null)} />}
    </>
  );
}
