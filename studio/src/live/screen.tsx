import { useId, type RefCallback } from 'react';
import type { Model } from '../../../src/client/index.ts';
import type { CandidateView } from './live-job.ts';
import { SoundSoFar } from './sound-so-far.tsx';

interface ScreenProps {
  readonly view: CandidateView;
  readonly prompt: string;
  readonly ended: boolean;
  readonly size: Pick<NonNullable<Model['limits']>, 'width' | 'height'> | null;
  /** Frame to show instead of the newest. */
  readonly pinned: number | null;
  readonly videoRef: RefCallback<HTMLVideoElement>;
  /** Null when there is nothing to choose between. */
  readonly choice: { readonly number: number; readonly chosen: boolean; readonly choose: () => void } | null;
}

/** One candidate, large: the newest frame while it is made, then the clip over it, so that nothing blinks. */
export function Screen({ view, prompt, ended, size, pinned, videoRef, choice }: ScreenProps) {
  const id = useId();
  const { asset } = view;
  const frame = view.frames[pinned ?? view.newest];
  const alt = choice === null ? prompt : `Candidate ${choice.number}: ${prompt}`;
  return (
    <figure className={`screen${ended ? '' : ' screen-busy'}`} aria-busy={!ended} style={{ aspectRatio: size === null ? '1' : `${size.width} / ${size.height}` }}>
      {frame === undefined ? null : <img className="screen-frame" src={frame.src} width={frame.width} height={frame.height} alt={alt} />}
      {frame !== undefined && !frame.final && !ended ? <span className="screen-mark">Sketch: tokens are still missing</span> : null}
      {asset?.__typename === 'ImageAsset' ? <img className="screen-frame" src={asset.url} width={asset.width} height={asset.height} alt={alt} /> : null}
      {asset?.__typename === 'VideoAsset' ? (
        <video className="screen-frame" ref={videoRef} src={asset.url} width={asset.width} height={asset.height} aria-label={alt} playsInline muted preload="auto" />
      ) : null}
      {asset === null && view.sounds.length > 0 ? <SoundSoFar pieces={view.sounds} heardMs={view.heardMs} /> : null}
      {asset?.__typename === 'AudioAsset' ? (
        <div className="screen-sound">
          <img src={asset.waveformUrl} alt="" />
          <audio src={asset.url} controls aria-label={alt} />
        </div>
      ) : null}
      {asset?.__typename === 'TextAsset' || view.text !== null ? <blockquote className="screen-text">{asset?.__typename === 'TextAsset' ? asset.text : view.text}</blockquote> : null}
      {choice === null ? null : (
        <figcaption>
          <input type="radio" id={id} checked={choice.chosen} onChange={choice.choose} />
          <label htmlFor={id}>Candidate {choice.number}</label>
        </figcaption>
      )}
    </figure>
  );
}
