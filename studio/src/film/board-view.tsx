import { useEffect, useState, type FormEvent } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import { CinegraphClientError } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';
import { SizeChips } from '../create/size-chips.tsx';
import { useModel } from '../system/use-model.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { plural } from '../ui/format.ts';
import { ShotCard } from './shot-card.tsx';
import { useToast } from '../ui/toasts.tsx';
import { boardOf, emptyShot, MAX_SHOTS, moved, shotsOf, toFilmInput, type ShotDraft, type Storyboard } from './storyboard.ts';
import { useDragOrder } from './use-drag-order.ts';
import { newKey, useStoryboard } from './use-storyboard.ts';

/** The plan of a film: a story that falls into shots, or shots one by one. */
export function BoardView() {
  const { client, jobs } = useStudio();
  const [, navigate] = useLocation();
  const [board, change] = useStoryboard();
  const [sending, setSending] = useState(false);
  const [fault, setFault] = useState<unknown>(null);
  const { shots } = board;
  const model = useModel();
  const [said, setSaid] = useState('');
  const move = (from: number, by: number) => {
    const next = moved(shots, from, by);
    if (next === shots) return;
    change({ shots: next });
    setSaid(`Shot ${from + 1} is shot ${from + by + 1} now.`);
  };
  const drag = useDragOrder((from, to) => move(from, to - from));
  useRemix(change);
  const edit = (index: number, next: Partial<ShotDraft>) => change({ shots: shots.map((shot, at) => (at === index ? { ...shot, ...next } : shot)) });
  const render = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setFault(null);
    try {
      const job = await jobs.start(() => client.generate(toFilmInput(board)));
      navigate(`/film/${encodeURIComponent(job.id)}`);
    } catch (error) {
      setFault(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <form className="board" onSubmit={(event) => void render(event)} noValidate>
      <StoryField onShots={(next) => change({ shots: next })} />
      <div className="field">
        <label htmlFor="film-title">Title</label>
        <input id="film-title" value={board.title} onChange={(event) => change({ title: event.target.value })} />
      </div>
      {model.data?.tasks.includes('VIDEO_TO_AUDIO') === true ? (
        <label className="lock">
          <input type="checkbox" checked={board.withAudio} onChange={(event) => change({ withAudio: event.target.checked })} />
          With sound
        </label>
      ) : null}
      <SizeChips size={model.data?.limits ?? null} upscale={board.upscale} change={change} />
      <p className="visually-hidden" role="status">
        {said}
      </p>
      <ol className="shots" ref={drag.list}>
        {shots.map((shot, index) => (
          <ShotCard
            key={shot.key}
            shot={shot}
            number={index + 1}
            count={shots.length}
            styles={model.data?.styles ?? []}
            invalid={faultyShot(fault) === index}
            onChange={(next) => edit(index, next)}
            dragged={drag.dragged === index}
            onDrag={(event) => drag.begin(index, event)}
            onMove={(by) => move(index, by)}
            onRemove={() => change({ shots: shots.toSpliced(index, 1) })}
          />
        ))}
      </ol>
      {fault === null ? null : <ErrorNote error={fault} onDismiss={() => setFault(null)} />}
      <div className="actions">
        <button type="submit" disabled={sending}>
          {sending ? 'Sending…' : `Render ${plural(shots.length, 'shot')}`}
        </button>
        <button type="button" className="quiet" disabled={shots.length >= MAX_SHOTS} onClick={() => change({ shots: [...shots, emptyShot(newKey())] })}>
          Add a shot
        </button>
      </div>
    </form>
  );
}

/** `?remix=` takes over the plan of a film, once. */
function useRemix(change: (board: Storyboard) => void): void {
  const { client } = useStudio();
  const [search] = useSearchParams();
  const [, navigate] = useLocation();
  const toast = useToast();
  const id = search.get('remix');
  useEffect(() => {
    if (id === null) return;
    client.job(id).then(
      (job) => {
        if (job?.task !== 'FILM') return toast({ text: 'The film to remix does not exist any more.' });
        change(boardOf(job, newKey));
        navigate('/film', { replace: true });
      },
      () => toast({ text: 'The film to remix cannot be read. Try again when the server is there.' }),
    );
    // Once for each address.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [id]);
}

function StoryField({ onShots }: { readonly onShots: (shots: readonly ShotDraft[]) => void }) {
  const [story, setStory] = useState('');
  return (
    <div className="story panel">
      <label htmlFor="story">Story: each sentence becomes a shot, in place of those below</label>
      <textarea id="story" rows={3} value={story} placeholder="A fox bounces on a red background. The fox spins. A rocket moves up at night." onChange={(event) => setStory(event.target.value)} />
      <button
        type="button"
        className="quiet"
        disabled={story.trim() === ''}
        onClick={() => {
          onShots(shotsOf(story, newKey));
          setStory('');
        }}
      >
        Make shots of it
      </button>
    </div>
  );
}

/** The index that the server named: `input.shots.2.prompt`. */
function faultyShot(fault: unknown): number | null {
  const path = fault instanceof CinegraphClientError ? (fault.field ?? []) : [];
  const at = path.indexOf('shots');
  return at === -1 ? null : Number(path[at + 1]);
}
