import { useId } from 'react';
import type { Asset } from '../../../src/client/index.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import type { Draft } from './draft.ts';
import { ExtendTool } from './tools/extend-tool.tsx';
import { FrameTool } from './tools/frame-tool.tsx';
import { MaskTool } from './tools/mask-tool.tsx';
import { PaddingTool } from './tools/padding-tool.tsx';
import { TASKS } from './tasks.ts';
import './tools/tools.css';
import type { Attachment } from './use-attachment.ts';
import type { Upload } from './use-upload.ts';

interface SourcePanelProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  readonly attachment: Attachment;
  readonly upload: Upload;
  readonly maskUpload: Upload;
  readonly onMaskLost: () => void;
  readonly onFile: (file: File) => void;
  readonly onRemove: () => void;
  readonly clipMs: number | undefined;
}

/** What the new thing is made from, and the tool of the task. */
export function SourcePanel({ draft, change, attachment, upload, maskUpload, onMaskLost, onFile, onRemove, clipMs }: SourcePanelProps) {
  const input = useId();
  return (
    <div className="source">
      {attachment.state === 'none' ? (
        <div className="source-pick">
          <label htmlFor={input} className="button quiet small">
            Add a picture, clip or sound
          </label>
          <input id={input} type="file" accept="image/*,video/*,audio/*" className="visually-hidden" onChange={(event) => [...(event.target.files ?? [])].slice(0, 1).forEach(onFile)} />
          <span className="dim">or drop or paste one here</span>
        </div>
      ) : (
        <div className="source-head">
          <p className="dim" role="status">
            {attachment.state === 'loading' ? 'Loading what is attached…' : null}
            {attachment.state === 'there' ? TASKS[draft.task].help : null}
          </p>
          <button type="button" className="quiet small" onClick={onRemove}>
            Remove
          </button>
        </div>
      )}
      {upload.share === null ? null : (
        <div className="upload" role="status">
          <progress aria-label={`Uploading ${upload.name}`} max={1} value={upload.share} />
          <span className="figures">{Math.round(upload.share * 100)} %</span>
          <button type="button" className="quiet small" onClick={upload.cancel}>
            Stop
          </button>
        </div>
      )}
      {upload.error === null ? null : <ErrorNote error={upload.error} onDismiss={upload.dismiss} />}
      {attachment.state === 'failed' ? <ErrorNote error={attachment.error} action={{ label: 'Try again', run: attachment.retry }} /> : null}
      {attachment.state === 'there' ? <Tool key={attachment.asset.id} draft={draft} change={change} source={attachment.asset} maskUpload={maskUpload} onMaskLost={onMaskLost} clipMs={clipMs} /> : null}
    </div>
  );
}

interface ToolProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  readonly source: Asset;
  readonly maskUpload: Upload;
  readonly onMaskLost: () => void;
  readonly clipMs: number | undefined;
}

function Tool({ draft, change, source, maskUpload, onMaskLost, clipMs }: ToolProps) {
  if (source.__typename === 'ImageAsset') return <img className="source-picture" src={source.url} width={source.width} height={source.height} alt="The first frame" />;
  if (source.__typename === 'AudioAsset') return <audio className="source-sound" src={source.url} controls aria-label="The sound" />;
  if (source.__typename !== 'VideoAsset') return null;
  switch (draft.task) {
    case 'editVideo':
      return <FrameTool clip={source} fromFrame={draft.fromFrame} onChange={(fromFrame) => change({ fromFrame })} />;
    case 'inpaintVideo':
      return <MaskTool clip={source} draft={draft} change={change} upload={maskUpload} onLost={onMaskLost} />;
    case 'outpaintVideo':
      return <PaddingTool clip={source} padding={draft.padding} onChange={(padding) => change({ padding })} />;
    case 'stylizeVideo':
    case 'videoToAudio':
    case 'videoToText':
      return <video className="source-picture" src={source.url} poster={source.thumbnailUrl} width={source.width} height={source.height} muted playsInline controls aria-label="The clip" />;
    default:
      return <ExtendTool clip={source} extraMs={draft.extraMs} clipMs={clipMs} onChange={(extraMs) => change({ extraMs })} />;
  }
}
