import { useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import { CinegraphClientError, type Asset, type Model } from '../../../src/client/index.ts';
import { Chips } from '../ui/chips.tsx';
import { ErrorNote } from '../ui/error-note.tsx';
import { seconds } from '../ui/format.ts';
import { Advanced } from './advanced.tsx';
import type { Draft } from './draft.ts';
import { LengthChips } from './length-chips.tsx';
import { SeedField } from './seed-field.tsx';
import { SizeChips, sizeText } from './size-chips.tsx';
import { SoundChoice } from './sound-choice.tsx';
import { SourcePanel } from './source-panel.tsx';
import { styleOptions } from './styles.ts';
import { choicesFor, hasFrames, TASKS } from './tasks.ts';
import type { Upload } from './use-upload.ts';

const CAMERAS = ['', 'pan left', 'pan right', 'pan up', 'pan down', 'zoom in', 'zoom out'].map((value) => ({ value, label: value === '' ? 'Still' : value }));
const MAX_EXAMPLES = 4;

interface ComposerProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  /** Undefined while the model is starting. */
  readonly model: Model | undefined;
  /** What is attached. */
  readonly source: Asset | null;
  readonly upload: Upload;
  readonly onFile: (file: File) => void;
  /** Rejects with what the server refused. */
  readonly onSubmit: () => Promise<void>;
}

/** What to make. */
export function Composer({ draft, change, model, source, upload, onFile, onSubmit }: ComposerProps) {
  const [sending, setSending] = useState(false);
  const [fault, setFault] = useState<unknown>(null);
  const form = useRef<HTMLFormElement>(null);
  const field = faultyField(fault);
  const { words } = TASKS[draft.task];

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (sending) return;
    setSending(true);
    setFault(null);
    try {
      await onSubmit();
    } catch (error) {
      setFault(error);
      form.current?.querySelector<HTMLElement>(`[name="${CSS.escape(faultyField(error) ?? 'prompt')}"]`)?.focus();
    } finally {
      setSending(false);
    }
  };
  const styles = styleOptions(model?.styles ?? [], draft.style);
  const choices = choicesFor(source?.kind ?? null, model?.tasks);
  const [over, setOver] = useState(false);
  const take = (files: FileList) => {
    const [file] = files;
    if (file !== undefined) onFile(file);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter generates, Shift+Enter makes a new line; an input method's Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    form.current?.requestSubmit();
  };
  return (
    <form
      ref={form}
      className={`composer panel${over ? ' composer-over' : ''}`}
      onSubmit={(event) => void submit(event)}
      noValidate
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files);
      }}
      onPaste={(event) => {
        if (event.clipboardData.files.length === 0) return;
        event.preventDefault();
        take(event.clipboardData.files);
      }}
    >
      {words.includes('prompt') ? (
        <>
          <label htmlFor="prompt">Prompt</label>
          <textarea
            id="prompt"
            name="prompt"
            rows={3}
            value={draft.prompt}
            placeholder={model?.examples[0] ?? 'a fox bounces on a red background'}
            onChange={(event) => change({ prompt: event.target.value })}
            onKeyDown={onKeyDown}
            aria-invalid={field === 'prompt'}
            aria-describedby="prompt-help"
          />
        </>
      ) : null}
      {fault === null ? null : <ErrorNote error={fault} onDismiss={() => setFault(null)} />}
      <div className="submit">
        <button type="submit" disabled={sending}>
          {sending ? 'Sending…' : 'Generate'}
        </button>
        <p id="prompt-help" className="dim">
          {limitsText(draft, model)} {words.includes('prompt') ? 'Enter generates, Shift+Enter makes a new line.' : ''}
        </p>
      </div>
      {source === null ? <Examples model={model} onPick={(prompt) => change({ prompt })} /> : null}
      <SourcePanel draft={draft} change={change} source={source} upload={upload} onFile={onFile} onRemove={() => change({ source: null, mask: null, task: 'textToVideo' })} clipMs={model?.limits?.durationMs} />
      <div className="choices">
        <Chips label="Make" options={choices.map((value) => ({ value, label: TASKS[value].label }))} value={draft.task} onChange={(task) => change({ task })} />
        {source !== null && choices.length === 0 ? <p className="note note-warn">This model makes nothing from {source.kind === 'IMAGE' ? 'a picture' : 'such a file'}. The System page lists what it does.</p> : null}
        {words.includes('camera') ? <Chips label="Camera" options={CAMERAS} value={draft.camera} onChange={(camera) => change({ camera })} /> : null}
        {words.includes('style') && styles.length > 1 ? <Chips label="Style" options={styles} value={draft.style} onChange={(style) => change({ style })} /> : null}
        {draft.task === 'textToVideo' || draft.task === 'imageToVideo' ? <LengthChips draft={draft} change={change} model={model} /> : null}
        <Chips label="Candidates" options={candidateOptions(model)} value={draft.candidates} onChange={(candidates) => change({ candidates })} />
        {hasFrames(TASKS[draft.task].task) ? <SizeChips size={model?.limits ?? null} upscale={draft.upscale} change={change} /> : null}
        <SoundChoice draft={draft} change={change} model={model} />
        <SeedField draft={draft} change={change} invalid={field === 'seed'} />
      </div>
      <Advanced draft={draft} change={change} model={model} />
    </form>
  );
}

function Examples({ model, onPick }: { readonly model: Model | undefined; readonly onPick: (prompt: string) => void }) {
  return (
    <div className="examples" role="group" aria-label="Examples that the model does well">
      {model?.examples.slice(0, MAX_EXAMPLES).map((example) => (
        <button key={example} type="button" className="chip-button" onClick={() => onPick(example)}>
          {example}
        </button>
      ))}
    </div>
  );
}

/** The last part of the path that the server named. */
function faultyField(fault: unknown): string | null {
  return fault instanceof CinegraphClientError ? (fault.field?.at(-1) ?? null) : null;
}

function candidateOptions(model: Model | undefined): { readonly value: number; readonly label: string }[] {
  return Array.from({ length: model?.limits?.maxCandidates ?? 4 }, (_, index) => ({ value: index + 1, label: String(index + 1) }));
}

function limitsText({ task, durationMs, upscale }: Draft, model: Model | undefined): string {
  if (model === undefined) return 'The model is starting.';
  const { limits } = model;
  if (limits === null) return '';
  if (task === 'textToAudio') return limits.soundMs === null ? '' : `A sound of ${seconds(limits.soundMs)}.`;
  if (!hasFrames(TASKS[task].task)) return '';
  const size = sizeText(limits, upscale);
  return task === 'textToImage' ? `A picture of ${size}.` : `${seconds(durationMs ?? limits.durationMs)}, ${durationMs === null ? limits.frameCount : Math.round((durationMs * limits.fps) / 1000)} frames of ${size}.`;
}
