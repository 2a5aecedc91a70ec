import { useState } from 'react';
import { Link } from 'wouter';
import { InputError } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';
import { useNavigateHere } from '../app/use-navigate-here.ts';
import { RetryShotDocument } from '../generated/operations.ts';
import { TERMINAL, type ShotView } from '../live/live-job.ts';
import { Stage } from '../live/stage.tsx';
import { useJobs } from '../live/use-jobs.ts';
import { useOpenJob } from '../live/use-open-job.ts';
import { useModel } from '../system/use-model.ts';
import { ErrorNote } from '../ui/error-note.tsx';

/** A film that is being rendered, or was: the shots fill in, then the film plays. */
export function FilmView({ id }: { readonly id: string }) {
  const { client } = useStudio();
  const navigateHere = useNavigateHere();
  const model = useModel();
  const [fault, setFault] = useState<unknown>(null);
  const [sending, setSending] = useState(false);
  const job = useJobs().find((each) => each.id === id) ?? null;
  const opened = useOpenJob(id);
  const again = async (shot: number) => {
    setFault(null);
    setSending(true);
    try {
      const { payload } = await client.request(RetryShotDocument, { input: { jobId: id, shot } });
      const [error] = payload.userErrors;
      if (error !== undefined) throw new InputError(error, payload.userErrors);
      if (payload.job !== null) navigateHere(`/film/${encodeURIComponent(payload.job.id)}`);
    } catch (error) {
      setFault(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <>
      <p>
        <Link href="/film">Back to the storyboard</Link>
      </p>
      {fault === null ? null : <ErrorNote error={fault} onDismiss={() => setFault(null)} />}
      {opened.fault === null ? null : <ErrorNote error={opened.fault} />}
      {job === null ? (
        <p className="page-loading">{opened.opening ? 'Opening the film…' : ''}</p>
      ) : (
        <div className="film">
          <Stage key={job.id} job={job} limits={model.data?.limits ?? null} />
          <ol className="shots" aria-label="Shots">
            {job.shots.map((shot, index) => (
              <ShotResult key={index} shot={shot} number={index + 1} sending={sending} onAgain={TERMINAL.has(job.status) ? () => void again(index) : null} />
            ))}
          </ol>
        </div>
      )}
    </>
  );
}

const STATES: Readonly<Record<ShotView['state'], string>> = { waiting: 'Waiting', running: 'Being made', ready: 'Ready', failed: 'Failed' };

interface ShotResultProps {
  readonly shot: ShotView;
  readonly number: number;
  /** A shot is being asked for. */
  readonly sending: boolean;
  readonly onAgain: (() => void) | null;
}

function ShotResult({ shot, number, sending, onAgain }: ShotResultProps) {
  const { asset } = shot;
  return (
    <li className="shot panel shot-result">
      <div className="shot-picture">{asset !== null && 'thumbnailUrl' in asset ? <img src={asset.thumbnailUrl} alt="" width="128" height="128" /> : null}</div>
      <div>
        <h2>Shot {number}</h2>
        <p className="dim">{shot.prompt ?? ''}</p>
        <p className="dim">{shot.message ?? STATES[shot.state]}</p>
        {onAgain === null ? null : (
          <button type="button" className="quiet small" aria-label={`Make shot ${number} again`} disabled={sending} onClick={onAgain}>
            Again
          </button>
        )}
      </div>
    </li>
  );
}
