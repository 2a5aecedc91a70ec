import { Link, useLocation } from 'wouter';
import { useStudio } from '../app/studio-context.ts';
import { words } from '../ui/format.ts';
import { doneShare, TERMINAL, type LiveJob } from './live-job.ts';

interface JobTrayProps {
  readonly jobs: readonly LiveJob[];
  readonly selected: string | null;
}

/** Every job that this page follows. */
export function JobTray({ jobs, selected }: JobTrayProps) {
  if (jobs.length === 0) return null;
  return (
    <section className="tray" aria-label="Jobs">
      <h2>Jobs</h2>
      <ul>
        {jobs.map((job) => (
          <TrayItem key={job.id} job={job} current={job.id === selected} />
        ))}
      </ul>
    </section>
  );
}

function TrayItem({ job, current }: { readonly job: LiveJob; readonly current: boolean }) {
  const { jobs } = useStudio();
  const [, navigate] = useLocation();
  const dismiss = () => {
    jobs.dismiss(job.id);
    if (current) navigate('/');
  };
  const ended = TERMINAL.has(job.status);
  const [view] = job.candidates;
  const picture = view?.frames[view.newest]?.src ?? (view?.asset != null && 'thumbnailUrl' in view.asset ? view.asset.thumbnailUrl : undefined);
  return (
    <li className={current ? 'tray-item tray-current' : 'tray-item'}>
      <Link href={placeOf(job)} aria-current={current ? 'true' : undefined}>
        <span className="tray-picture">{picture === undefined ? null : <img src={picture} alt="" width="48" height="48" />}</span>
        <span className="tray-text">
          <span className="tray-prompt">{job.prompt}</span>
          <span className="dim">{trayStatus(job)}</span>
        </span>
      </Link>
      {ended ? (
        <button type="button" className="quiet small" aria-label={`Take "${job.prompt}" off the list`} onClick={dismiss}>
          ×
        </button>
      ) : null}
    </li>
  );
}

function placeOf({ id, task }: LiveJob): string {
  return task === 'FILM' ? `/film/${encodeURIComponent(id)}` : `/?job=${encodeURIComponent(id)}`;
}

function trayStatus(job: LiveJob): string {
  if (job.status === 'RUNNING') return `${words(job.task)} · ${Math.round(doneShare(job) * 100)} %`;
  if (job.status === 'QUEUED' && job.queuePosition !== null) return `${words(job.task)} · number ${job.queuePosition} in the queue`;
  return `${words(job.task)} · ${job.status.toLowerCase()}`;
}
