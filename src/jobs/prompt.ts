import { STYLE_WORDS, STYLES, type Style } from '../inference/core/styles.ts';

/** Camera moves as callers name them, in the words of the training captions (training/cinegraph_training/captions.py, CAMERA_WORDS). */
const CAMERA_WORDS: Readonly<Record<string, string>> = {
  still: 'the camera is still',
  static: 'the camera is still',
  'pan left': 'the camera pans left',
  'pan right': 'the camera pans right',
  'pan up': 'the camera pans up',
  'pan down': 'the camera pans down',
  'tilt up': 'the camera pans up',
  'tilt down': 'the camera pans down',
  'zoom in': 'the camera zooms in',
  'zoom out': 'the camera zooms out',
};

/** What the model reads: the prompt, then the words for camera and style, if the caller gave them. NATURAL goes without saying. */
export function composePrompt(input: { readonly prompt?: unknown; readonly camera?: unknown; readonly style?: unknown }): string {
  return [input.prompt, cameraWords(input.camera), styleWords(input.style)].filter((part): part is string => typeof part === 'string' && part.trim() !== '').map(part => part.trim()).join(', ');
}

/** `PAN_LEFT`, `Pan left` and `pan-left` are the same; words that are no name of a move stay as they are. */
function cameraWords(camera: unknown): unknown {
  if (typeof camera !== 'string') return camera;
  return CAMERA_WORDS[plain(camera)] ?? camera;
}

function styleWords(style: unknown): unknown {
  const name = typeof style === 'string' ? styleOf(style) : undefined;
  if (name === undefined) return style;
  return name === 'NATURAL' ? '' : STYLE_WORDS[name][0];
}

/** The style that a text names, or says in the words of the captions, and nothing else: `PIXEL`, `pixel` and `as pixel art` are the same. */
export function styleOf(text: string): Style | undefined {
  const said = plain(text);
  return STYLES.find(name => said === plain(name)) ?? styleSaid(said);
}

/** A prompt without what it says of the style in words of the captions. */
export function withoutStyle(prompt: string): string {
  return prompt.split(',').filter(part => styleSaid(plain(part)) === undefined).join(',').trim();
}

function styleSaid(words: string): Style | undefined {
  return STYLES.find(name => STYLE_WORDS[name].some(phrase => phrase === words));
}

function plain(words: string): string {
  return words.trim().toLowerCase().replaceAll(/[\s_-]+/g, ' ');
}
