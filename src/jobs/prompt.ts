/** What the model reads: the prompt, then the words for camera and style, if the caller gave them. */
export function composePrompt(input: { readonly prompt?: unknown; readonly camera?: unknown; readonly style?: unknown }): string {
  return [input.prompt, input.camera, input.style].filter((part): part is string => typeof part === 'string' && part.trim() !== '').map(part => part.trim()).join(', ');
}
