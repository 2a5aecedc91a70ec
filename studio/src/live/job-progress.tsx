import { remaining } from '../ui/format.ts';
import { doneShare, TERMINAL, type LiveJob } from './live-job.ts';
import { figures, statusText } from './status-text.ts';

/** How far a job is. Its place is as high before as after: nothing jumps. */
export function JobProgress({ job }: { readonly job: LiveJob }) {
  const ended = TERMINAL.has(job.status);
  const eta = ended || job.etaMs === null || (job.status === 'RUNNING' && job.tokensDone === job.tokensTotal) ? null : remaining(job.etaMs);
  return (
    <div className="progress">
      <progress aria-label="Tokens generated" max={1} value={doneShare(job)} />
      <p className="figures">{[...figures(job), ...(eta === null ? [] : [eta])].join(' · ')}</p>
      <p className={`status${job.connection === 'lost' && !ended ? ' status-lost' : ''}`} role="status">
        {statusText(job)}
        {job.attempt > 1 ? ` Begun ${job.attempt} times: the server was restarted in between.` : ''}
      </p>
      {job.warnings.map(({ code, message }) => (
        <p key={code} className="note note-warn">
          {message}
        </p>
      ))}
    </div>
  );
}
