import type { GenerateInput as GenerateArgument, TextToImageInput, TextToVideoInput } from '../generated/graphql.ts';
import type { GenerateInput } from '../services/contract.ts';
import { keyOf } from './global-id.ts';

export function textToImage(input: TextToImageInput, path: readonly string[]): GenerateInput {
  return { ...input, task: 'TEXT_TO_IMAGE', ...model(input, path) };
}

export function textToVideo(input: TextToVideoInput, path: readonly string[]): GenerateInput {
  return { ...input, task: 'TEXT_TO_VIDEO', ...model(input, path) };
}

/** The task of a @oneOf input: GraphQL has made sure that there is exactly one. */
export function toGenerateInput(input: GenerateArgument): GenerateInput {
  return input.textToImage === undefined ? textToVideo(input.textToVideo, ['input', 'textToVideo']) : textToImage(input.textToImage, ['input', 'textToImage']);
}

/** The field of a @oneOf input that was given. */
export function branchOf(input: GenerateArgument): string {
  return Object.keys(input)[0] ?? '';
}

function model(input: TextToImageInput | TextToVideoInput, path: readonly string[]): { readonly model: string | null } {
  return { model: input.model == null ? null : keyOf('Model', input.model, [...path, 'model']) };
}
