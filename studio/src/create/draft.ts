/** What is filled in on the Create page, as the page keeps it. Pure. */
import type { GenerateInput, Job, SamplingInput } from '../../../src/client/index.ts';
import { inputField, inputNumber, inputText } from '../live/live-job.ts';

export interface Draft {
  readonly prompt: string;
  readonly output: 'video' | 'image';
  readonly camera: string;
  readonly style: string;
  readonly candidates: number;
  /** As typed; empty: drawn by the server. */
  readonly seed: string;
  /** Keep the seed for the next one. */
  readonly seedLocked: boolean;
  /** As typed; empty: the model's default. */
  readonly sampling: Readonly<Record<SamplingNumber, string>> & { readonly deterministic: boolean };
  readonly title: string;
  /** Separated by commas. */
  readonly tags: string;
}

export type SamplingNumber = 'temperature' | 'topK' | 'topP' | 'guidance';
export const SAMPLING_NUMBERS = ['temperature', 'topK', 'topP', 'guidance'] as const satisfies readonly SamplingNumber[];

export const EMPTY_DRAFT: Draft = {
  prompt: '',
  output: 'video',
  camera: '',
  style: '',
  candidates: 1,
  seed: '',
  seedLocked: false,
  sampling: { temperature: '', topK: '', topP: '', guidance: '', deterministic: false },
  title: '',
  tags: '',
};

/** The request that a draft stands for. */
export function toInput(draft: Draft): GenerateInput {
  const common = {
    prompt: draft.prompt,
    candidates: draft.candidates,
    ...given('style', draft.style),
    ...given('title', draft.title),
    ...(draft.seedLocked && draft.seed.trim() !== '' ? { seed: Number(draft.seed) } : {}),
    ...samplingOf(draft),
    ...(tagsOf(draft.tags).length === 0 ? {} : { tags: tagsOf(draft.tags) }),
  };
  return draft.output === 'image' ? { textToImage: common } : { textToVideo: { ...common, ...given('camera', draft.camera) } };
}

function given<Name extends string>(name: Name, text: string): Partial<Record<Name, string>> {
  const trimmed = text.trim();
  return trimmed === '' ? {} : ({ [name]: trimmed } as Record<Name, string>);
}

function samplingOf({ sampling }: Draft): { readonly sampling: SamplingInput } | null {
  const numbers = SAMPLING_NUMBERS.filter((name) => sampling[name].trim() !== '').map((name) => [name, Number(sampling[name])] as const);
  if (numbers.length === 0 && !sampling.deterministic) return null;
  return { sampling: { ...Object.fromEntries(numbers), ...(sampling.deterministic ? { deterministic: true } : {}) } };
}

export function tagsOf(text: string): string[] {
  return [...new Set(text.split(',').map((tag) => tag.trim()).filter(Boolean))];
}

/** Everything needed to make the same thing again, the seed locked. */
export function draftOf(job: Pick<Job, 'input' | 'seed' | 'task'>): Draft {
  const { input, seed, task } = job;
  const sampling = inputField(input, 'sampling');
  const number = (name: SamplingNumber) => inputNumber(sampling, name)?.toString() ?? '';
  const tags = inputField(input, 'tags');
  return {
    prompt: inputText(input, 'prompt') ?? '',
    output: task === 'TEXT_TO_IMAGE' ? 'image' : 'video',
    camera: inputText(input, 'camera') ?? '',
    style: inputText(input, 'style') ?? '',
    candidates: inputNumber(input, 'candidates') ?? 1,
    seed: String(seed),
    seedLocked: true,
    sampling: { temperature: number('temperature'), topK: number('topK'), topP: number('topP'), guidance: number('guidance'), deterministic: inputField(sampling, 'deterministic') === true },
    title: inputText(input, 'title') ?? '',
    tags: Array.isArray(tags) ? tags.join(', ') : '',
  };
}
