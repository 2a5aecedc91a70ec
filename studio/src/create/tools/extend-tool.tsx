import type { VideoAsset } from '../../../../src/client/index.ts';
import { Chips } from '../../ui/chips.tsx';
import { seconds } from '../../ui/format.ts';

interface ExtendToolProps {
  readonly clip: VideoAsset;
  readonly extraMs: number | null;
  /** The model's own clip length. */
  readonly clipMs: number | undefined;
  readonly onChange: (extraMs: number | null) => void;
}

const TIMES = [2, 4];

/** How much longer it becomes. */
export function ExtendTool({ clip, extraMs, clipMs, onChange }: ExtendToolProps) {
  const options = [
    { value: 0, label: clipMs === undefined ? 'one clip more' : `+ ${seconds(clipMs)}` },
    ...(clipMs === undefined ? [] : TIMES.map((times) => ({ value: clipMs * times, label: `+ ${seconds(clipMs * times)}` }))),
  ];
  return (
    <>
      <video className="source-picture" src={clip.url} poster={clip.thumbnailUrl} width={clip.width} height={clip.height} muted playsInline controls aria-label="The clip to extend" />
      <Chips label="Longer by" options={options} value={extraMs ?? 0} onChange={(value) => onChange(value === 0 ? null : value)} />
    </>
  );
}
