import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import type { Asset } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';
import { useNavigateHere } from '../app/use-navigate-here.ts';
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
  const navigateHere = useNavigateHere();
  const [fault, setFault] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ended = TERMINAL.has(job.status);
  const attempt = async (action: () => Promise<void>) => {
    if (busy) return;
    setFault(null);
    setBusy(true);
    try {
      await action();
    } catch (error) {
      setFault(error);
      setBusy(false);
    }
  };
  // Busy until the job says that it has ended.
  const cancel = () => attempt(() => jobs.cancel(job.id));
  const retry = () =>
    void attempt(async () => {
      const again = await jobs.retry(job.id);
      setBusy(false);
      navigateHere(`/?job=${encodeURIComponent(again.id)}`);
    });
  useEffect(() => setBusy(false), [ended]);
  return (
    <>
      <div className="actions">
        {ended ? null : (
          <button type="button" className="quiet" onClick={() => void cancel()} disabled={busy}>
            {busy ? 'Canceling…' : 'Cancel'}
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
          <button type="button" className="quiet" disabled={busy} onClick={retry}>
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
