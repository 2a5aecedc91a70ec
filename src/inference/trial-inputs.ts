/** Made-up frames and codes that are neither empty nor all alike. */
import type { RawFrame } from './core/generation.ts';
import type { Manifest } from './core/manifest.ts';

/** Codes `[latents, H, W, 2]`. */
export function rotatingCodes({ video }: Manifest, latents: number): Int32Array {
  const [, height, width] = video.grid;
  return Int32Array.from({ length: 2 * latents * height * width }, (_, i) => (5 * i + 3) % video.subCodebooks[i % 2 === 0 ? 0 : 1]);
}

export function sampleFrames(count: number, width: number, height: number): RawFrame[] {
  return Array.from({ length: count }, (_, frame) => ({ width, height, rgb: Uint8Array.from({ length: 3 * width * height }, (_, i) => 128 + 100 * Math.sin(0.013 * i * (1 + frame))) }));
}
