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

/** What the model reads: the prompt, then the words for camera and style, if the caller gave them. */
export function composePrompt(input: { readonly prompt?: unknown; readonly camera?: unknown; readonly style?: unknown }): string {
  return [input.prompt, cameraWords(input.camera), input.style].filter((part): part is string => typeof part === 'string' && part.trim() !== '').map(part => part.trim()).join(', ');
}

/** `PAN_LEFT`, `Pan left` and `pan-left` are the same; words that are no name of a move stay as they are. */
function cameraWords(camera: unknown): unknown {
  if (typeof camera !== 'string') return camera;
  return CAMERA_WORDS[camera.trim().toLowerCase().replaceAll(/[\s_-]+/g, ' ')] ?? camera;
}
