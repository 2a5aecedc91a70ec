import { useState, type FormEvent } from 'react';
import { useLocation } from 'wouter';
import { CinegraphClientError } from '../../../src/client/index.ts';
import { useStudio } from '../app/studio-context.ts';
import { useNavigateHere } from '../app/use-navigate-here.ts';
import { SizeChips } from '../create/size-chips.tsx';
import { useRemixed } from '../live/use-remixed.ts';
import { useModel } from '../system/use-model.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { plural } from '../ui/format.ts';
import { ShotCard } from './shot-card.tsx';
import { boardOf, emptyShot, MAX_SHOTS, moved, shotsOf, toFilmInput, type ShotDraft } from './storyboard.ts';
import { useDragOrder } from './use-drag-order.ts';
import { newKey, useStoryboard } from './use-storyboard.ts';

/** The plan of a film: a story that falls into shots, or shots one by one. */
export function BoardView() {
  const { client, jobs } = useStudio();
  const [, navigate] = useLocation();
  const navigateHere = useNavigateHere();
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
  const remixed = useRemixed(
    ({ task }) => task === 'FILM',
    (film) => {
      change(boardOf(film, newKey));
      navigate('/film', { replace: true });
    },
  );
  const edit = (index: number, next: Partial<ShotDraft>) => change({ shots: shots.map((shot, at) => (at === index ? { ...shot, ...next } : shot)) });
  const render = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setFault(null);
    try {
      const job = await jobs.start(() => client.generate(toFilmInput(board)));
      navigateHere(`/film/${encodeURIComponent(job.id)}`);
    } catch (error) {
      setFault(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <form className="board" onSubmit={(event) => void render(event)} noValidate inert={remixed.filling}>
      {remixed.fault === null ? null : <ErrorNote error={remixed.fault} action={{ label: 'Try again', run: remixed.retry }} onDismiss={() => navigate('/film', { replace: true })} />}
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
