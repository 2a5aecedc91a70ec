import sharp from 'sharp';

const WIDTH = 512;
const HEIGHT = 96;
const COLOR = [99, 102, 241, 255] as const;

/** A picture of a sound: 512 x 96 px, WebP with a transparent ground; each column spans the peaks of its share. samples: mono, -1 to 1. */
export function drawWaveform(samples: Float32Array): Promise<Buffer> {
  const pixels = new Uint8Array(WIDTH * HEIGHT * 4);
  const middle = HEIGHT / 2;
  for (let x = 0; x < WIDTH; x++) {
    const [low, high] = peaks(samples.subarray(Math.floor((x * samples.length) / WIDTH), Math.max(1, Math.ceil(((x + 1) * samples.length) / WIDTH))));
    const top = Math.round(middle - 0.5 - high * (middle - 1));
    const bottom = Math.round(middle - 0.5 - low * (middle - 1));
    for (let y = top; y <= bottom; y++) pixels.set(COLOR, (y * WIDTH + x) * 4);
  }
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } }).webp({ lossless: true, effort: 2 }).toBuffer();
}

/** The lowest and the highest sample, within -1 to 1; what is not a number counts as silence. */
function peaks(samples: Float32Array): [number, number] {
  let low = 0;
  let high = 0;
  for (const sample of samples) {
    if (sample < low) low = sample;
    else if (sample > high) high = sample;
  }
  return [Math.max(-1, low), Math.min(1, high)];
}
