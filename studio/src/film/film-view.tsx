import { useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { InputError } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';
import { RetryShotDocument } from '../generated/operations.ts';
import { TERMINAL, type ShotView } from '../live/live-job.ts';
import { Stage } from '../live/stage.tsx';
import { useJobs } from '../live/use-jobs.ts';
import { useModel } from '../system/use-model.ts';
import { ErrorNote } from '../ui/error-note.tsx';

/** A film that is being rendered, or was: the shots fill in, then the film plays. */
export function FilmView({ id }: { readonly id: string }) {
  const { client, jobs } = useStudio();
  const [, navigate] = useLocation();
  const model = useModel();
  const [fault, setFault] = useState<unknown>(null);
  const job = useJobs().find((each) => each.id === id) ?? null;
  useEffect(() => {
    jobs.open(id).then((found) => setFault(found ? null : { code: 'NOT_FOUND', message: 'This film does not exist, or it is not yours.' }), setFault);
  }, [id, jobs]);
  const again = async (shot: number) => {
    setFault(null);
    try {
      const { payload } = await client.request(RetryShotDocument, { input: { jobId: id, shot } });
      const [error] = payload.userErrors;
      if (error !== undefined) throw new InputError(error, payload.userErrors);
      if (payload.job !== null) navigate(`/film/${encodeURIComponent(payload.job.id)}`);
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <>
      <p>
        <Link href="/film">Back to the storyboard</Link>
      </p>
      {fault === null ? null : <ErrorNote error={fault} onDismiss={() => setFault(null)} />}
      {job === null ? (
        <p className="page-loading">{fault === null ? 'Opening the film…' : ''}</p>
      ) : (
        <div className="film">
          <Stage key={job.id} job={job} limits={model.data?.limits ?? null} />
          <ol className="shots" aria-label="Shots">
            {job.shots.map((shot, index) => (
              <ShotResult key={index} shot={shot} number={index + 1} onAgain={TERMINAL.has(job.status) ? () => void again(index) : null} />
            ))}
          </ol>
        </div>
      )}
    </>
  );
}

const STATES: Readonly<Record<ShotView['state'], string>> = { waiting: 'Waiting', running: 'Being made', ready: 'Ready', failed: 'Failed' };

function ShotResult({ shot, number, onAgain }: { readonly shot: ShotView; readonly number: number; readonly onAgain: (() => void) | null }) {
  const { asset } = shot;
  return (
    <li className="shot panel shot-result">
      <div className="shot-picture">{asset !== null && 'thumbnailUrl' in asset ? <img src={asset.thumbnailUrl} alt="" width="128" height="128" /> : null}</div>
      <div>
        <h2>Shot {number}</h2>
        <p className="dim">{shot.prompt ?? ''}</p>
        <p className="dim">{shot.message ?? STATES[shot.state]}</p>
        {onAgain === null ? null : (
          <button type="button" className="quiet small" aria-label={`Make shot ${number} again`} onClick={onAgain}>
            Again
          </button>
        )}
      </div>
    </li>
  );
}
