import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import type { Asset } from '../../../src/client/index.ts';
import { Page } from '../app/page.tsx';
import { useStudio } from '../app/studio-context.ts';
import { useNavigateHere } from '../app/use-navigate-here.ts';
import { JobTray } from '../live/job-tray.tsx';
import { TERMINAL } from '../live/live-job.ts';
import { Stage } from '../live/stage.tsx';
import { useJobs } from '../live/use-jobs.ts';
import { useOpenJob } from '../live/use-open-job.ts';
import { useRemixed } from '../live/use-remixed.ts';
import { useModel } from '../system/use-model.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { useToast } from '../ui/toasts.tsx';
import { Composer } from './composer.tsx';
import { draftOf, toInput, withinSource } from './draft.ts';
import { EmptyStage } from './empty-stage.tsx';
import { awaited } from './readiness.ts';
import { choiceNamed, fittingTask } from './tasks.ts';
import { attachmentKey, useAttachment } from './use-attachment.ts';
import { useDraft } from './use-draft.ts';
import { useSending } from './use-sending.ts';
import { useUpload } from './use-upload.ts';
import './create.css';

/** Prompt in, frames out. The address names the job on the stage (`?job=`), so that a reload goes on with it. */
export function CreatePage() {
  const { client, jobs } = useStudio();
  const queries = useQueryClient();
  const [search] = useSearchParams();
  const [, navigate] = useLocation();
  const navigateHere = useNavigateHere();
  const toast = useToast();
  const [draft, change] = useDraft();
  const model = useModel();
  const all = useJobs();
  const asked = search.get('job');
  const selected = asked ?? all.find(({ status }) => !TERMINAL.has(status))?.id ?? null;
  const job = all.find(({ id }) => id === selected) ?? null;
  const opened = useOpenJob(asked);
  const upload = useUpload();
  const maskUpload = useUpload();
  const attachment = useAttachment(draft.source);
  const asset = attachment.state === 'there' ? attachment.asset : null;
  const task = asset === null ? draft.task : fittingTask(asset.kind, draft.task, model.data?.tasks);

  const waitsFor = awaited({ file: upload.share !== null, mask: maskUpload.share !== null, attachment: attachment.state, draft });
  // The address, and what fits the attachment, reach the draft in the next step.
  const settled = search.get('source') === null && search.get('remix') === null && task === draft.task;
  const sending = useSending(waitsFor === null && attachment.state !== 'failed' && settled, async () => {
    const made = await jobs.start(() => client.generate(toInput(asset === null ? draft : withinSource(draft, asset))));
    change(({ seedLocked }) => (seedLocked ? {} : { seed: String(made.seed) }));
    navigateHere(`/?job=${encodeURIComponent(made.id)}`);
  });
  const { giveUp } = sending;
  useEffect(() => {
    if (task !== draft.task) change({ task });
  }, [task, draft.task, change]);
  useEffect(() => {
    if (attachment.state === 'failed') giveUp();
  }, [attachment.state, giveUp]);

  const [focus, setFocus] = useState(0);
  useEffect(() => {
    if (focus > 0) document.getElementById('prompt')?.focus();
  }, [focus]);
  /** What was on its way is not wanted any more. */
  const { cancel } = upload;
  const startOver = useCallback(() => {
    cancel();
    giveUp();
    setFocus((was) => was + 1);
    navigate('/', { replace: true });
  }, [cancel, giveUp, navigate]);
  const remixed = useRemixed(
    ({ task: made }) => made !== 'FILM',
    (made) => {
      change(draftOf(made));
      startOver();
      toast({ text: 'Filled in. The seed is kept: change it for another take.' });
    },
  );
  useAttach(
    useCallback(
      (source, wanted) => {
        change((was) => ({ source, mask: null, task: choiceNamed(wanted) ?? was.task }));
        startOver();
      },
      [change, startOver],
    ),
  );
  const onFile = (file: File) => {
    const arrived = (stored: Asset) => {
      queries.setQueryData(attachmentKey(stored.id), stored);
      change({ source: stored.id, mask: null });
    };
    upload.send(file, { arrived, lost: giveUp });
  };
  const onRemove = () => {
    giveUp();
    change({ source: null, mask: null, task: 'textToVideo' });
  };
  return (
    <Page title="Create" quietTitle>
      <div className="create">
        <Composer
          draft={draft}
          change={change}
          model={model.data}
          attachment={attachment}
          upload={upload}
          maskUpload={maskUpload}
          onFile={onFile}
          onRemove={onRemove}
          sending={sending}
          waitsFor={waitsFor}
          filling={remixed.filling}
        />
        <div className="create-stage">
          {model.error === null ? null : <ErrorNote error={model.error} action={{ label: 'Try again', run: () => void model.refetch() }} />}
          {remixed.fault === null ? null : <ErrorNote error={remixed.fault} action={{ label: 'Try again', run: remixed.retry }} onDismiss={() => navigate('/', { replace: true })} />}
          {opened.fault === null ? null : <ErrorNote error={opened.fault} action={{ label: 'Start anew', run: () => navigate('/') }} />}
          {job === null ? <EmptyStage limits={model.data?.limits ?? null} opening={opened.opening} /> : <Stage key={job.id} job={job} limits={model.data?.limits ?? null} />}
          <JobTray jobs={all} selected={selected} />
        </div>
      </div>
    </Page>
  );
}

/** `?source=` attaches an asset, for the task that `?task=` names. */
function useAttach(attach: (id: string, task: string | null) => void): void {
  const [search] = useSearchParams();
  const [id, task] = [search.get('source'), search.get('task')];
  useEffect(() => {
    if (id !== null) attach(id, task);
  }, [id, task, attach]);
}
