import type { ReactNode } from 'react';
import { inputField, inputText } from '../live/live-job.ts';
import { bytes, seconds, when, words } from '../ui/format.ts';
import { Facts } from '../ui/facts.tsx';
import type { DetailsFragment } from '../generated/operations.ts';

type Fact = readonly [name: string, value: ReactNode];

/** What it is, and all that is needed to make it again. */
export function DetailFacts({ asset }: { readonly asset: DetailsFragment }) {
  return <Facts facts={[...madeFrom(asset), ...mediaFacts(asset), ['Stored', when(asset.createdAt)], ['Tags', asset.tags.length === 0 ? 'none' : asset.tags.join(', ')], ['SHA-256', <code key="sha">{asset.sha256}</code>]]} />;
}

function madeFrom({ job, origin }: DetailsFragment): readonly Fact[] {
  if (job === null) return [['Origin', words(origin)]];
  const { sampling } = job;
  const word = (name: string, label: string): readonly Fact[] => {
    const value = inputText(job.input, name);
    return value === null || value === '' ? [] : [[label, value]];
  };
  return [
    ['Made by', words(job.task)],
    ...word('prompt', 'Prompt'),
    ...word('camera', 'Camera'),
    ...word('style', 'Style'),
    ['Seed', job.seed],
    ['Sampling', `temperature ${sampling.temperature}, top k ${sampling.topK}, top p ${sampling.topP}, guidance ${sampling.guidance}${sampling.deterministic ? ', deterministic' : ''}`],
    ...(typeof inputField(job.input, 'fromFrame') === 'number' ? ([['From frame', String(inputField(job.input, 'fromFrame'))]] as const) : []),
    ['Model', <code key="model">{job.modelDigest}</code>],
    ...(job.executionProvider === null ? [] : ([['Ran on', job.executionProvider]] as const)),
  ];
}

function mediaFacts(asset: DetailsFragment): readonly Fact[] {
  const size: Fact = ['File', `${asset.contentType}, ${bytes(asset.byteSize)}`];
  switch (asset.__typename) {
    case 'VideoAsset':
      return [['Clip', `${asset.width} × ${asset.height} px, ${asset.frameCount} frames at ${asset.fps} per second, ${seconds(asset.durationMs)}${asset.hasAudio ? ', with sound' : ''}`], size];
    case 'ImageAsset':
      return [['Picture', `${asset.width} × ${asset.height} px`], size];
    case 'AudioAsset':
      return [['Sound', `${seconds(asset.durationMs)}, ${asset.sampleRateHz} Hz, ${asset.channels === 1 ? 'mono' : `${asset.channels} channels`}`], size];
    case 'TextAsset':
      return [size];
  }
}
