import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Job, Model, System } from '../../../src/client/index.ts';
import { AccessFacts } from '../access/access-facts.tsx';
import { Page } from '../app/page.tsx';
import { useStudio } from '../app/studio-context.ts';
import { inputText } from '../live/live-job.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { Facts } from '../ui/facts.tsx';
import { plural, seconds, when, words } from '../ui/format.ts';
import './system.css';
import { useModel } from './use-model.ts';

const REFRESH_MS = 3000;
const MAX_FAILED = 10;

/** What runs here: the server and its queue, the model and what it can do, what went wrong lately. */
export default function SystemPage() {
  const { client } = useStudio();
  const system = useQuery({ queryKey: ['system'], queryFn: ({ signal }) => client.system({ signal }), refetchInterval: REFRESH_MS });
  const failed = useQuery({
    queryKey: ['jobs', 'failed'],
    queryFn: async ({ signal }) => (await client.jobs({ pageSize: MAX_FAILED, filter: { status: ['FAILED'] }, signal }).page()).nodes,
    refetchInterval: REFRESH_MS * 3,
  });
  const model = useModel();
  return (
    <Page title="System">
      {system.error === null ? null : <ErrorNote error={system.error} action={{ label: 'Try again', run: () => void system.refetch() }} />}
      <div className="system">
        <Card title="Server">{system.data === undefined ? <Waiting /> : <ServerFacts system={system.data} />}</Card>
        <Card title="Model">{model.data === undefined ? <Waiting text="The model is starting and checks itself." /> : <ModelFacts model={model.data} />}</Card>
        <Card title="Workers">{system.data === undefined ? <Waiting /> : <Workers workers={system.data.workers} />}</Card>
        <Card title="Access"><AccessFacts /></Card>
        <Card title="Failed lately">{failed.data === undefined ? <Waiting /> : <FailedJobs jobs={failed.data} />}</Card>
      </div>
    </Page>
  );
}

function Card({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section className="panel card" aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Waiting({ text = 'Loading…' }: { readonly text?: string }) {
  return <p className="dim">{text}</p>;
}

function ServerFacts({ system }: { readonly system: System }) {
  const { inferenceThreads } = system;
  return (
    <>
      <Facts
        facts={[
          ['State', system.ready ? 'Ready' : 'Starting, or not well: the log of the server says more'],
          ['Queue', `${plural(system.runningJobs, 'job')} running, ${system.queueDepth} waiting`],
          ['Runs on', system.executionProvider === null ? 'Not known yet' : `${system.executionProvider}: ${system.device ?? 'unknown device'}`],
          ...(inferenceThreads === null ? [] : ([['Threads', inferenceThreads]] as const)),
          ['Version', system.version],
          ['API', <a key="api" href="/graphiql">GraphiQL</a>],
        ]}
      />
      {system.providerNotes.map((note) => (
        <p key={note} className="dim">
          {note}
        </p>
      ))}
    </>
  );
}

function Workers({ workers }: { readonly workers: System['workers'] }) {
  if (workers.length === 0) return <p className="dim">No process runs jobs now. What is sent waits until one comes.</p>;
  return (
    <ul className="failed">
      {workers.map((worker) => (
        <li key={`${worker.name} ${worker.startedAt}`}>
          <strong>{worker.name}</strong> {words(worker.state)}
          <p>
            {plural(worker.runningJobs, 'job')}, {worker.usedSlots} of {worker.slots} rows in use
          </p>
          <p className="dim">
            {worker.model === null ? 'No model yet' : `${worker.model.name} on ${worker.executionProvider}: ${worker.device}`}; version {worker.version}
          </p>
        </li>
      ))}
    </ul>
  );
}

function ModelFacts({ model }: { readonly model: Model }) {
  const { limits, sampling } = model;
  return (
    <>
      <p>{model.description}</p>
      <Facts
        facts={[
          ['Name', model.name],
          ['Does', model.tasks.map(words).join(', ')],
          ...(limits === null
            ? []
            : ([
                ['Clips', `${seconds(limits.durationMs)}, ${limits.frameCount} frames at ${limits.fps} per second, ${limits.width} × ${limits.height} px`],
                ['Prompts', `${model.languages.join(', ')}; up to ${limits.maxPromptCharacters} characters`],
                ['Candidates', `up to ${limits.maxCandidates}`],
              ] as const)),
          ...(sampling === null ? [] : ([['Sampling', `temperature ${sampling.temperature}, top k ${sampling.topK}, top p ${sampling.topP}, guidance ${sampling.guidance}`]] as const)),
          ['Digest', <code key="digest">{model.digest}</code>],
        ]}
      />
    </>
  );
}

function FailedJobs({ jobs }: { readonly jobs: readonly Job[] }) {
  if (jobs.length === 0) return <p className="dim">No job has failed. When one does, it is here with its reason.</p>;
  return (
    <ul className="failed">
      {jobs.map((job) => (
        <li key={job.id}>
          <Link href={`/?job=${encodeURIComponent(job.id)}`}>{inputText(job.input, 'prompt') ?? words(job.task)}</Link>
          <p>
            <code>{job.error?.code}</code> {job.error?.message}
          </p>
          <p className="dim">{when(job.createdAt)}</p>
        </li>
      ))}
    </ul>
  );
}
