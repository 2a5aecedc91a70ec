import { useLayoutEffect, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import { CinegraphClientError, type Model } from '../../../src/client/index.ts';
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
import { choicesFor, hasFrames, TASKS, type TaskChoice } from './tasks.ts';
import type { Attachment } from './use-attachment.ts';
import type { Sending } from './use-sending.ts';
import type { Upload } from './use-upload.ts';

const CAMERAS = ['', 'pan left', 'pan right', 'pan up', 'pan down', 'zoom in', 'zoom out'].map((value) => ({ value, label: value === '' ? 'Still' : value }));
const MAX_EXAMPLES = 4;
const LABELS: Readonly<Record<Sending['state'], string>> = { idle: 'Generate', waiting: 'Waiting…', sending: 'Sending…' };

interface ComposerProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  /** Undefined while the model is starting. */
  readonly model: Model | undefined;
  readonly attachment: Attachment;
  readonly upload: Upload;
  readonly maskUpload: Upload;
  readonly onFile: (file: File) => void;
  readonly onRemove: () => void;
  readonly sending: Sending;
  /** What has to come before anything can be sent, in words; null for nothing. */
  readonly waitsFor: string | null;
  /** A job is about to be filled in. */
  readonly filling: boolean;
}

/** What to make. */
export function Composer({ draft, change, model, attachment, upload, maskUpload, onFile, onRemove, sending, waitsFor, filling }: ComposerProps) {
  const { fault } = sending;
  const form = useRef<HTMLFormElement>(null);
  const field = faultyField(fault);
  const { words } = TASKS[draft.task];

  useLayoutEffect(() => {
    if (fault !== null) form.current?.querySelector<HTMLElement>(`[name="${CSS.escape(faultyField(fault) ?? 'prompt')}"]`)?.focus();
  }, [fault]);
  const unread = attachment.state === 'failed';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!unread) sending.press();
  };
  const styles = styleOptions(model?.styles ?? [], draft.style);
  const choices = choicesOf(attachment, draft, model);
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
      onSubmit={submit}
      noValidate
      inert={filling}
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
      {fault === null ? null : <ErrorNote error={fault} onDismiss={sending.dismiss} />}
      <div className="submit">
        <button type="submit" disabled={sending.state !== 'idle' || unread} aria-describedby="sent-when">
          {LABELS[sending.state]}
        </button>
        <p id="prompt-help" className="dim">
          {limitsText(draft, model)} {words.includes('prompt') ? 'Enter generates, Shift+Enter makes a new line.' : ''}
        </p>
      </div>
      <p id="sent-when" className="dim sent-when" role="status">
        {sentWhen(sending.state === 'waiting', unread, waitsFor)}
      </p>
      {attachment.state === 'none' ? <Examples model={model} onPick={(prompt) => change({ prompt })} /> : null}
      <SourcePanel draft={draft} change={change} attachment={attachment} upload={upload} maskUpload={maskUpload} onMaskLost={sending.giveUp} onFile={onFile} onRemove={onRemove} clipMs={model?.limits?.durationMs} />
      <div className="choices">
        <Chips label="Make" options={choices.map((value) => ({ value, label: TASKS[value].label }))} value={draft.task} onChange={(task) => change({ task })} />
        {attachment.state === 'there' && choices.length === 0 ? <p className="note note-warn">This model makes nothing from {attachment.asset.kind === 'IMAGE' ? 'a picture' : 'such a file'}. The System page lists what it does.</p> : null}
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

/** While the source is on its way, what its task tells of it has to do. */
function choicesOf(attachment: Attachment, { task }: Draft, model: Model | undefined): TaskChoice[] {
  const { from } = TASKS[task];
  switch (attachment.state) {
    case 'none':
      return choicesFor(null, model?.tasks);
    case 'there':
      return choicesFor(attachment.asset.kind, model?.tasks);
    default:
      return from === null ? [] : choicesFor(from, model?.tasks);
  }
}

function sentWhen(pressed: boolean, unread: boolean, waitsFor: string | null): string {
  if (unread) return 'What is attached could not be loaded. Try that again, or remove it.';
  return pressed && waitsFor !== null ? `It is sent as soon as ${waitsFor}.` : '';
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
