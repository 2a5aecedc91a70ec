import { useCallback, useEffect, useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import type { Asset } from '../../../src/client/index.ts';
import { Page } from '../app/page.tsx';
import { useStudio } from '../app/studio-context.ts';
import { JobTray } from '../live/job-tray.tsx';
import { TERMINAL } from '../live/live-job.ts';
import { Stage } from '../live/stage.tsx';
import { useJobs } from '../live/use-jobs.ts';
import { useModel } from '../system/use-model.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { useToast } from '../ui/toasts.tsx';
import { Composer } from './composer.tsx';
import { draftOf, toInput, type Draft } from './draft.ts';
import { EmptyStage } from './empty-stage.tsx';
import { taskFor, TASKS } from './tasks.ts';
import { useDraft } from './use-draft.ts';
import { useSource } from './use-source.ts';
import { useUpload } from './use-upload.ts';
import './create.css';

/** Prompt in, frames out. The address names the job on the stage (`?job=`), so that a reload goes on with it. */
export function CreatePage() {
  const { client, jobs } = useStudio();
  const [search] = useSearchParams();
  const [, navigate] = useLocation();
  const [draft, change] = useDraft();
  const model = useModel();
  const all = useJobs();
  const asked = search.get('job');
  const selected = asked ?? all.find(({ status }) => !TERMINAL.has(status))?.id ?? null;
  const job = all.find(({ id }) => id === selected) ?? null;
  const missing = useOpenJob(asked);
  useRemix(search.get('remix'), change);
  const upload = useUpload();
  const attached = useSource(draft.source);
  const source = attached.data ?? null;
  const attach = useCallback(
    (asset: Pick<Asset, 'id' | 'kind'>, wanted: string | null) => {
      change({ source: asset.id, mask: null, task: taskFor(asset.kind, wanted, model.data?.tasks) });
    },
    [change, model.data],
  );
  const onFile = (file: File) => void upload.send(file).then((asset) => (asset === null ? undefined : attach(asset, null)));
  useAttach(search.get('source'), search.get('task'), attach);
  // Deleted meanwhile, or of another server.
  useEffect(() => {
    if (draft.source !== null && attached.isSuccess && attached.data === null) change({ source: null, mask: null, task: 'textToVideo' });
  }, [draft.source, attached.isSuccess, attached.data, change]);

  const generate = async () => {
    const made = await jobs.start(() => client.generate(toInput(draft)));
    if (!draft.seedLocked) change({ seed: String(made.seed) });
    navigate(`/?job=${encodeURIComponent(made.id)}`);
  };
  return (
    <Page title="Create" quietTitle>
      <div className="create">
        <Composer draft={draft} change={change} model={model.data} source={TASKS[draft.task].from === null ? null : source} upload={upload} onFile={onFile} onSubmit={generate} />
        <div className="create-stage">
          {model.error === null ? null : <ErrorNote error={model.error} action={{ label: 'Try again', run: () => void model.refetch() }} />}
          {missing === null ? null : <ErrorNote error={missing} action={{ label: 'Start anew', run: () => navigate('/') }} />}
          {job === null ? <EmptyStage limits={model.data?.limits ?? null} opening={asked !== null && missing === null} /> : <Stage key={job.id} job={job} limits={model.data?.limits ?? null} />}
          <JobTray jobs={all} selected={selected} />
        </div>
      </div>
    </Page>
  );
}

/** Follows the job that the address names. Returns why it cannot be shown. */
function useOpenJob(id: string | null): unknown {
  const { jobs } = useStudio();
  const [fault, setFault] = useState<{ readonly id: string; readonly error: unknown } | null>(null);
  useEffect(() => {
    if (id === null) return;
    jobs.open(id).then(
      (found) => setFault(found ? null : { id, error: { code: 'NOT_FOUND', message: 'This job does not exist, or it is not yours.' } }),
      (error: unknown) => setFault({ id, error }),
    );
  }, [id, jobs]);
  return fault?.id === id ? (fault?.error ?? null) : null;
}

/** `?remix=` fills in what made a job, once. */
function useRemix(id: string | null, change: (draft: Draft) => void): void {
  const { client } = useStudio();
  const [, navigate] = useLocation();
  const toast = useToast();
  useEffect(() => {
    if (id === null) return;
    client.job(id).then(
      (job) => {
        if (job === null) return toast({ text: 'The job to remix does not exist any more.' });
        change(draftOf(job));
        toast({ text: 'Filled in. The seed is kept: change it for another take.' });
        navigate('/', { replace: true });
        document.getElementById('prompt')?.focus();
      },
      () => toast({ text: 'The job to remix cannot be read. Try again when the server is there.' }),
    );
    // Once for each address.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [id]);
}

/** `?source=` attaches an asset, for the task that `?task=` names. */
function useAttach(id: string | null, task: string | null, attach: (asset: Pick<Asset, 'id' | 'kind'>, task: string | null) => void): void {
  const { client } = useStudio();
  const [, navigate] = useLocation();
  const toast = useToast();
  useEffect(() => {
    if (id === null) return;
    client.asset(id).then(
      (asset) => {
        if (asset === null) return toast({ text: 'What was to be attached does not exist any more.' });
        attach(asset, task);
        navigate('/', { replace: true });
        document.getElementById('prompt')?.focus();
      },
      () => toast({ text: 'What was to be attached cannot be read. Try again when the server is there.' }),
    );
    // Once for each address.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [id, task]);
}
