/** What Generate has to wait for. Pure. */
import type { Attachment } from './use-attachment.ts';

interface OnTheWay {
  /** A file is being uploaded. */
  readonly file: boolean;
  /** The strokes of the brush are being stored. */
  readonly mask: boolean;
  readonly attachment: Attachment['state'];
}

/** In words, to go on from "as soon as"; null when everything is there. */
export function awaited({ file, mask, attachment }: OnTheWay): string | null {
  if (file) return 'the file has arrived';
  if (attachment === 'loading') return 'what is attached has been loaded';
  return mask ? 'the mask is stored' : null;
}
