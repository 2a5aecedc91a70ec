/** What Generate has to wait for. Pure. */
import type { Draft } from './draft.ts';
import type { Attachment } from './use-attachment.ts';

interface OnTheWay {
  /** A file is being uploaded. */
  readonly file: boolean;
  /** The strokes of the brush are being stored. */
  readonly mask: boolean;
  readonly attachment: Attachment['state'];
  readonly draft: Pick<Draft, 'task' | 'markWith' | 'mask'>;
}

/** In words, to go on from "as soon as"; null when everything is there. */
export function awaited({ file, mask, attachment, draft }: OnTheWay): string | null {
  if (file) return 'the file has arrived';
  if (attachment === 'loading') return 'what is attached has been loaded';
  if (mask) return 'the mask is stored';
  return draft.task === 'inpaintVideo' && draft.markWith === 'brush' && draft.mask === null ? 'something is painted over' : null;
}
